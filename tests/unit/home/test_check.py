"""`fleet home check` opens each part as its owner does, and names what cannot be used."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet.cli.main import fleet
from fleet.contract.kept_file import MAX_LIST
from fleet.home import check
from fleet.home.named_files import NamedFile
from fleet.notifier.ack_links import FILE as ACK_KEY
from fleet.pending_departures import Departure, PendingDepartures
from fleet.provisioning import home as homes
from fleet.provisioning.certificates import Authority
from fleet.provisioning.mosquitto import Plan
from fleet.settings import load
from fleet.store.sqlite import SqliteStore
from fleet.tokens import Principal, Tokens

NOW = time.time()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one file of each kind, as the programs write them."""
    path = tmp_path_factory.mktemp("world") / "home"
    homes.create(Plan(path), load({"home": str(path)}, {}), NOW)
    store = SqliteStore(path)
    store.open()
    assert store._database
    store._database.close()
    Tokens(path).create(Principal.parse("viewer"), "2026-01-01T00:00:00Z")
    PendingDepartures(path).add(Departure("gone"))
    Authority(path).issue_client("alpha", NOW)
    for name, text in {
        "audit/reports.log": "{}\n", "audit/report-1.json": "{}", "routes/oncall.json": "{}",
        "capture/capture-1.jsonl": "{}\n", "actions.jsonl": "{}\n", "audit.toml": "",
        "audit-digest.key": "a" * 64, ACK_KEY: "b" * 64,
        "clock.json": '{"at": 1.0, "ticks": 1.0, "boot": "", "retention": {}}',
    }.items():  # fmt: skip
        (path / name).parent.mkdir(exist_ok=True, mode=0o700)
        (path / name).write_text(text)
        (path / name).chmod(0o600)
    (path / "broker/data/mosquitto.db").write_bytes(b"\x00\xb5\x00mosquitto db...")
    (path / "broker/data/mosquitto.db").chmod(0o600)
    return path


def found(home: Path) -> dict[str, str]:
    """Part → what is wrong with it."""
    environ = {"FLEET_HOME": str(home)}
    done = CliRunner().invoke(
        fleet, ["home", "check", "-o", "json"], env=environ, standalone_mode=False
    )
    assert done.exception is None, done.exception
    told = {one["part"]: one["meaning"] for one in json.loads(done.stdout) if one["state"] != "ok"}
    assert done.return_value == bool(told)
    return told


def test_a_home_as_the_programs_leave_it_is_whole(whole: Path) -> None:
    assert found(whole) == {}


def test_whatever_is_cut_or_overwritten_is_named(whole: Path) -> None:
    left_alone = {"broker/mosquitto.conf"}  # text of the operator's, which Mosquitto judges
    every = [p for p in whole.rglob("*") if p.is_file() and p.suffix != ".lock"]
    assert len(every) > 25
    for path in every:
        name = str(path.relative_to(whole))
        if name in left_alone or path.name.startswith("fleet.sqlite3-"):
            continue
        before = path.read_bytes()
        for garbage in (b"\xff\x00 not ours ][", before[: len(before) // 3] if before else b"="):
            if garbage == before or (name.endswith(".db") and garbage):
                continue
            path.write_bytes(garbage)
            told = found(whole)
            if not (name.endswith(".password") and garbage in before):  # any text is a password
                assert told, f"{name} as {garbage[:20]!r}"
                assert path.name.partition(".")[0] in " ".join([*told, *told.values()]), name
            path.write_bytes(before)


def test_a_store_with_a_page_overwritten_is_named(whole: Path) -> None:
    path = whole / "fleet.sqlite3"
    before = path.read_bytes()
    path.write_bytes(before[:4096] + os.urandom(4096) + before[8192:])
    assert "fleet.sqlite3" in found(whole)
    path.write_bytes(before)


def test_a_certificate_with_anothers_key_and_one_of_another_ca_are_named(
    whole: Path, tmp_path: Path
) -> None:
    other = Authority(tmp_path)
    other.create(NOW)
    other.issue_server(["localhost"], NOW)
    for names in (["server.key"], ["server.key", "server.pem"], ["ca.key"]):
        before = {name: (whole / "ca" / name).read_bytes() for name in names}
        for name in names:
            (whole / "ca" / name).write_bytes((other.folder / name).read_bytes())
        assert any(part.startswith("ca/") for part in found(whole)), names
        for name, content in before.items():
            (whole / "ca" / name).write_bytes(content)


def test_modes_and_routes_are_looked_at_too(whole: Path) -> None:
    (whole / "ca/ca.key").chmod(0o640)
    assert "0640" in found(whole)["ca/ca.key"]
    (whole / "ca/ca.key").chmod(0o600)
    whole.chmod(0o755)
    assert "0755" in found(whole)[str(whole)]
    whole.chmod(0o700)
    settings = whole / "fleet.toml"
    before = settings.read_text()
    settings.write_text(f'{before}\n[routes.oncall]\nchannel = "pigeon"\nurl = "http://x"\n')
    assert "pigeon" in " ".join(found(whole).values())
    settings.write_text(before)


def test_a_list_of_impossible_size_is_no_reason_to_fall_over(whole: Path) -> None:
    path = whole / "routes/oncall.json"
    with path.open("wb") as stream:
        stream.truncate(MAX_LIST + 1)
    assert "routes/oncall.json" in found(whole)
    path.write_text("{}")


def test_the_path_that_is_offered_is_the_one_from_the_home_on(tmp_path: Path) -> None:
    path = tmp_path / "broker" / "hub.password"
    path.parent.mkdir()
    path.write_text("word\n")
    found = check._of(NamedFile(("password_file",), str(path), path, inside=True), tmp_path)
    assert (found.state, found.remedy) == (
        "absolute",
        f"a path from the home on, as {Path('broker') / 'hub.password'}",
    )
