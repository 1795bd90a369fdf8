"""The drop directory takes what fits the contract and nothing else, whoever put it there."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar import lease
from agent_sidecar.drop import directory as module
from agent_sidecar.drop.directory import DropDirectory
from fleet.contract.errors import FleetError
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import MessageKind

JUDGES = schema_validators()
ALERT = {"code": "disk-pressure", "severity": "warning", "state": "firing"}


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drop = DropDirectory(folder, JUDGES)
        self.drop.open()
        self.got: list[tuple[MessageKind, dict[str, Any]]] = []
        self.taking = True

    def deliver(self, kind: MessageKind, message: dict[str, Any]) -> bool:
        if self.taking:
            self.got.append((kind, message))
        return self.taking

    def put(self, name: str, content: object) -> Path:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def scan(self, later: float = 0.0) -> bool:
        return self.drop.scan(time.time() + later, self.deliver)

    @property
    def left(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} - {"rejected"}

    @property
    def aside(self) -> set[str]:
        return {path.name for path in (self.folder / "rejected").iterdir()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "drop")


def test_a_message_is_taken_up_and_its_file_removed(bench: Bench) -> None:
    bench.put("alert-1.json", {**ALERT, "ts": "2026-03-18T21:30:00Z"})
    assert not bench.scan()
    assert bench.got == [(MessageKind.ALERT, {**ALERT, "ts": "2026-03-18T21:30:00Z"})]
    assert (bench.left, bench.drop.taken) == (set(), 1)


def test_a_missing_time_is_the_time_of_the_file(bench: Bench) -> None:
    path = bench.put("heartbeat-1.json", {"ok": True})
    os.utime(path, (1_800_000_000, 1_800_000_000))
    bench.scan()
    assert bench.got[0][1]["ts"] == "2027-01-15T08:00:00.000Z"


def test_messages_are_taken_in_the_order_of_their_making(bench: Bench) -> None:
    for number, name in enumerate(("status-b.json", "status-c.json", "status-a.json")):
        path = bench.put(name, {"state": "running"})
        os.utime(path, (1_800_000_000 + number, 1_800_000_000 + number))
    bench.scan()
    assert [message["ts"][17:19] for _, message in bench.got] == ["00", "01", "02"]


def test_a_message_that_is_not_safe_yet_stays_a_file(bench: Bench) -> None:
    bench.taking = False
    bench.put("alert-1.json", ALERT)
    assert bench.scan()
    assert bench.left == {"alert-1.json"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({**ALERT, "note": "the client called"}, "unknown-field"),
        ({**ALERT, "code": "anything"}, "unknown-word"),
        ({**ALERT, "code": "agent-offline"}, "unknown-word"),
        ('{"code":"x","code":"y"}', "duplicate-key"),
        ("[1]", "not-object"),
        ("{" + " " * 5000 + "}", "too-large"),
    ],
)
def test_what_the_contract_rejects_is_put_aside_and_counted(
    bench: Bench, content: object, reason: str
) -> None:
    bench.put("alert-1.json", content)
    bench.scan()
    assert (bench.got, bench.left, bench.aside) == ([], set(), {"alert-1.json"})
    assert bench.drop.rejected == {reason: 1}


def test_a_file_in_the_making_is_left_alone_for_a_while(bench: Bench) -> None:
    path = bench.put("alert-1.json", '{"code":"disk-pre')
    assert bench.scan()
    assert bench.left == {"alert-1.json"}
    path.write_text(json.dumps(ALERT))
    bench.scan()
    assert len(bench.got) == 1


def test_a_file_that_is_never_finished_is_put_aside(bench: Bench) -> None:
    bench.put("alert-1.json", '{"code":"disk-pre')
    assert not bench.scan(later=2)
    assert bench.aside == {"alert-1.json"}


def test_a_link_is_never_followed(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(ALERT))
    (bench.folder / "alert-1.json").symlink_to(secret)
    os.link(secret, bench.folder / "alert-2.json")
    os.mkfifo(bench.folder / "alert-3.json")
    bench.scan()
    assert bench.got == []
    assert "alert-1.json" not in bench.left
    assert "alert-3.json" not in bench.left
    assert secret.exists()


@pytest.mark.parametrize(
    "name", ["notes.txt", "command-1.json", "alert-1.json.bak", "alert-.json", "receipt-1.json"]
)
def test_a_foreign_file_is_removed_and_counted(bench: Bench, name: str) -> None:
    bench.put(name, ALERT)
    bench.scan()
    assert (bench.got, bench.left, bench.drop.rejected) == ([], set(), {"foreign": 1})


def test_a_hostile_name_does_no_harm(bench: Bench) -> None:
    for name in ("alert-\n.json", "alert-$(id).json", "alert-1.json;rm -rf .json", "alert-é.json"):
        bench.put(name, ALERT)
    bench.scan()
    assert (bench.got, bench.left) == ([], set())


def test_a_temporary_file_is_left_for_an_hour(bench: Bench) -> None:
    bench.put(".alert-1.tmp", "{")
    bench.scan()
    assert bench.left == {".alert-1.tmp"}
    bench.scan(later=4000)
    assert bench.left == set()


def test_a_folder_in_the_way_does_no_harm(bench: Bench) -> None:
    (bench.folder / "alert-1.json").mkdir()
    (bench.folder / "full").mkdir()
    (bench.folder / "full" / "x").touch()
    bench.put("alert-2.json", ALERT)
    bench.scan()
    assert len(bench.got) == 1
    assert bench.left == {"full"}


def test_a_flood_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 20)
    monkeypatch.setattr(module, "BATCH", 5)
    monkeypatch.setattr(module, "MAX_REJECTED", 3)
    for number in range(30):
        bench.put(f"alert-{number}.json", "[]")
    while bench.scan(later=5):
        pass
    assert bench.left == set()
    assert len(bench.aside) == 3
    assert bench.drop.rejected == {"overflow": 10, "not-object": 20}


def test_others_may_put_files_in_but_not_look_around(bench: Bench) -> None:
    mode = stat.S_IMODE(bench.folder.stat().st_mode)
    assert mode == 0o1733
    assert stat.S_IMODE((bench.folder / "rejected").stat().st_mode) == 0o700


def test_a_drop_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "drop").symlink_to(tmp_path / "real")
    with pytest.raises(FleetError, match="not usable"):
        DropDirectory(tmp_path / "drop", JUDGES).open()


def test_the_directory_says_whose_it_is_whatever_the_umask(bench: Bench) -> None:
    before = os.umask(0o077)
    try:
        bench.drop.claim("alpha")
        bench.drop.claim("beta")
    finally:
        os.umask(before)
    owner = bench.folder / module.OWNER
    assert owner.read_text() == "beta\n"
    assert stat.S_IMODE(owner.stat().st_mode) == 0o644


def test_the_name_of_the_owner_outlives_the_tidying(bench: Bench) -> None:
    bench.drop.claim("alpha")
    bench.scan(later=1e6)
    assert bench.left == {module.OWNER}
    assert not bench.drop.rejected


def test_a_link_in_place_of_the_owners_name_is_replaced_and_not_followed(bench: Bench) -> None:
    victim = bench.folder.parent / "victim"
    victim.write_text("untouched")
    (bench.folder / module.OWNER).symlink_to(victim)
    bench.drop.claim("alpha")
    assert victim.read_text() == "untouched"
    assert not (bench.folder / module.OWNER).is_symlink()


def test_a_directory_that_was_removed_and_made_again_is_not_the_one_that_is_held(
    bench: Bench,
) -> None:
    assert not bench.drop.is_there(), "nobody has said whose it is"
    bench.drop.claim("alpha")
    assert bench.drop.is_there()
    bench.folder.rename(bench.folder.with_name("old"))
    assert not bench.drop.is_there()
    bench.folder.mkdir()
    assert not bench.drop.is_there()
    bench.drop.close()
    assert not bench.drop.is_there()
    assert not bench.scan()


def test_the_second_sidecar_of_a_directory_says_whose_it_is(bench: Bench) -> None:
    bench.drop.claim("alpha")
    with pytest.raises(FleetError, match="the sidecar of alpha takes up its messages"):
        DropDirectory(bench.folder, JUDGES).open()
    assert module.owner_of(bench.folder) == "alpha"


# --- who serves it, and what waited


def dated_ahead(folder: Path) -> float:
    return (folder / module.OWNER).stat().st_mtime - time.time()


def test_a_directory_is_served_from_the_claim_to_the_stop(bench: Bench) -> None:
    assert not module.is_served(bench.folder)
    bench.drop.claim("alpha")
    assert module.is_served(bench.folder)
    assert 0 < dated_ahead(bench.folder) <= lease.LEASE
    bench.drop.retire()
    assert not module.is_served(bench.folder)
    bench.drop.renew()
    assert module.is_served(bench.folder)


def test_a_claim_is_never_seen_without_its_lease(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings are read again while publishers look."""
    seen: list[bool] = []
    rename = os.rename

    def look(*names: Any, **folders: Any) -> None:
        rename(*names, **folders)
        seen.append(module.is_served(bench.folder))

    monkeypatch.setattr(os, "rename", look)
    bench.drop.claim("alpha")
    bench.drop.claim("alpha")
    assert seen == [True, True]


def test_a_sidecar_that_was_killed_serves_until_its_lease_ends(bench: Bench) -> None:
    bench.drop.claim("alpha")
    bench.drop.close()
    assert module.is_served(bench.folder)
    past = time.time() - 1
    os.utime(bench.folder / module.OWNER, (past, past))
    assert not module.is_served(bench.folder)


def test_a_mark_that_is_a_link_is_not_dated_through(bench: Bench) -> None:
    bench.drop.claim("alpha")
    victim = bench.folder.parent / "victim"
    victim.touch()
    os.utime(victim, (1, 1))
    (bench.folder / module.OWNER).unlink()
    (bench.folder / module.OWNER).symlink_to(victim)
    bench.drop.renew()
    assert victim.stat().st_mtime == 1


HEARTBEAT = {"ok": True}


@pytest.mark.parametrize(
    ("name", "message", "age", "sent"),
    [
        ("heartbeat-1.json", HEARTBEAT, 1490, True),
        ("heartbeat-1.json", HEARTBEAT, 1510, False),
        ("heartbeat-1.json", {**HEARTBEAT, "interval": 3600}, 8900, True),
        ("heartbeat-1.json", {**HEARTBEAT, "interval": 60}, 1490, True),
        ("alert-1.json", ALERT, 86_000, True),
        ("alert-1.json", ALERT, 87_000, False),
        ("status-1.json", {"state": "degraded"}, 86_000, True),
        ("status-1.json", {"state": "degraded"}, 87_000, False),
    ],
)
def test_what_is_too_old_for_its_kind_is_told_and_not_sent(
    name: str, message: dict[str, Any], age: int, sent: bool, bench: Bench,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("INFO")
    path = bench.put(name, message)
    os.utime(path, (time.time() - age,) * 2)
    bench.scan()
    assert "1 messages waited in" in caplog.text
    assert (len(bench.got), bench.left) == (int(sent), set())
    assert bench.aside == (set() if sent else {f"{name}.too-old"})
    assert bench.drop.rejected == ({} if sent else {"too-old": 1})
    assert ("too old to be news" in caplog.text) is not sent


def test_old_messages_do_not_fill_the_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(20):
        path = bench.put(f"alert-{number}.json", ALERT)
        os.utime(path, (1_000_000_000,) * 2)
        bench.scan(later=number)
    bench.put("alert-x.json", ALERT)
    os.utime(bench.folder / "alert-x.json", (1_000_000_000,) * 2)
    bench.scan(later=61)
    told = [record.getMessage() for record in caplog.records]
    assert [text.split()[0] for text in told] == ["1", "20"]
