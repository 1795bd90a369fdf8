"""A home saved and made again: everything is in it, what is elsewhere is said, nothing is lost."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fleet.cli.main import fleet
from fleet.contract.errors import FleetError
from fleet.home import sealed
from fleet.home.parts import PARTS, Care, files, part_of
from fleet.keys import read_ring
from fleet.provisioning import home as homes
from fleet.provisioning.mosquitto import Plan
from fleet.settings import load
from fleet.store.sqlite import SqliteStore

PAGE = Path(__file__).parents[3] / "docs/how-to/backup.md"

TEXTS = dict.fromkeys(("audit/reports.log", "capture/capture-1.jsonl", "actions.jsonl"), "{}\n")
TEXTS |= {"routes/oncall.json": "{}", "audit.toml": ""}
"""What must be what it is called."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sealed, "_COST", {"n": 2, "r": 8, "p": 1})
    path = tmp_path / "home"
    homes.create(Plan(path), load({"home": str(path)}, {}), 1.8e9)
    store = SqliteStore(path)
    store.open()
    assert store._database
    store._database.close()
    for name in ("audit/reports.log", "capture/capture-1.jsonl", "routes/oncall.json",
                 "actions.jsonl", "audit.toml", "hook.secret", "adr/0100-x.md", "hub.json",
                 "sidecar/alpha/session.json", "backups/fleet-1Z.db"):  # fmt: skip
        (path / name).parent.mkdir(exist_ok=True, parents=True, mode=0o700)
        (path / name).write_text(TEXTS.get(name, name))
        (path / name).chmod(0o600)
    return path


def call(home: Path, *words: str) -> Result:
    done = CliRunner().invoke(
        fleet, list(words), env={"FLEET_HOME": str(home)}, standalone_mode=False
    )
    if isinstance(done.exception, FleetError):
        raise done.exception
    return done


def names(home: Path) -> set[str]:
    return {str(name) for name, _ in files(home)}


def taken(home: Path) -> set[str]:
    return {str(name) for name, _ in files(home) if part_of(name).care is not Care.LEFT}


@pytest.mark.parametrize("secret", [False, True])
def test_everything_comes_along_but_what_belongs_to_the_machine(
    home: Path, tmp_path: Path, secret: bool
) -> None:
    (tmp_path / "pass").write_text("correct horse\n")
    (tmp_path / "pass").chmod(0o600)
    how = ("--passphrase-file", str(tmp_path / "pass")) if secret else ()
    file, new = tmp_path / "fleet.home", tmp_path / "new"
    call(home, "backup", "--home", str(file), *how)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (b"hook.secret" in file.read_bytes()) is not secret
    call(tmp_path / "nothing", "restore", "--home", str(file), "--to", str(new), *how)
    assert names(new) == taken(home)
    left = {"hub.json", "sidecar/alpha/session.json", "backups/fleet-1Z.db"}
    assert left & names(new) == set()
    for name in taken(home) - {"fleet.sqlite3", "broker/mosquitto.conf"}:
        assert (new / name).read_bytes() == (home / name).read_bytes(), name
    assert str(home) not in (new / "broker/mosquitto.conf").read_text()
    assert load({"home": str(new)}, {}).password() == load({"home": str(home)}, {}).password()
    assert call(new, "home", "check").return_value == 0


def test_what_lies_elsewhere_is_said_and_comes_along_on_request(home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere.secret"
    outside.write_text("word")
    outside.chmod(0o600)
    inside = home / "hook.secret"
    with (home / "fleet.toml").open("a") as settings:
        settings.write(
            f'\n[routes.oncall]  # who is called\nchannel = "webhook"\nurl = "http://127.0.0.1:1/"\n'
            f'secret_file = "{outside}"\ntoken_file = "{inside}"\n'
        )
    looked = call(home, "home", "check")
    assert looked.return_value == 1
    assert "[routes.oncall] secret_file is outside. Try: fleet backup --home FILE" in looked.output
    assert "[routes.oncall] token_file is absolute" in looked.output
    said = call(home, "backup", "--home", str(tmp_path / "a.home")).output
    assert f"not in it: {outside}, which [routes.oncall] secret_file names" in said
    call(home, "backup", "--home", str(tmp_path / "b.home"), "--with-outside")
    outside.unlink()
    new = tmp_path / "new"
    call(home, "restore", "--home", str(tmp_path / "b.home"), "--to", str(new))
    text = (new / "fleet.toml").read_text()
    assert "# who is called" in text
    assert str(tmp_path) not in text
    route = load({"home": str(new)}, {}).tables["routes"]["oncall"]
    assert (new / route["secret_file"]).read_text() == "word"
    assert (new / route["token_file"]).read_text() == "hook.secret"
    assert call(new, "home", "check").return_value == 0


def test_another_name_of_the_broker_makes_another_certificate(home: Path, tmp_path: Path) -> None:
    file, new = tmp_path / "fleet.home", tmp_path / "new"
    call(home, "backup", "--home", str(file))
    call(home, "restore", "--home", str(file), "--to", str(new),
         "--broker-name", "new.example", "--bind", "192.0.2.1")  # fmt: skip
    plan = load({"home": str(new)}, {}).tables["mosquitto"]
    assert plan["names"][0] == "new.example"
    assert plan["bind"] == "192.0.2.1"
    assert (new / "ca/ca.pem").read_bytes() == (home / "ca/ca.pem").read_bytes()
    assert (new / "ca/server.pem").read_bytes() != (home / "ca/server.pem").read_bytes()
    assert read_ring(new) == read_ring(home)


def test_a_home_is_never_written_over_and_a_failure_leaves_nothing(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "fleet.home"
    call(home, "backup", "--home", str(file))
    before = names(home)
    with pytest.raises(FleetError, match="is not empty"):
        call(home, "restore", "--home", str(file))
    assert names(home) == before
    cut = tmp_path / "cut.home"
    cut.write_bytes(file.read_bytes()[:-16_384])  # more than the zeros at its end
    new, empty = tmp_path / "new", tmp_path / "empty"
    empty.mkdir(mode=0o700)
    for place in (new, empty):
        with pytest.raises(FleetError, match="no whole home"):
            call(home, "restore", "--home", str(cut), "--to", str(place))
    assert not new.exists()
    assert list(empty.iterdir()) == []


def test_a_passphrase_is_asked_at_a_terminal_only(home: Path, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="nobody to ask") as caught:
        call(home, "backup", "--home", str(tmp_path / "fleet.home"), "--encrypt")
    assert "--passphrase-file" in caught.value.remedy


def test_what_is_missing_is_said(home: Path) -> None:
    (home / "ca/ca.key").unlink()
    (home / "audit.toml").unlink()
    (home / "audit.toml").symlink_to("/etc/hostname")
    with socket.socket(socket.AF_UNIX) as pipe:
        pipe.bind(str(home / "strange"))
        said = call(home, "home", "check").output
    assert "ca/ca.key is missing. Try: fleet init" in said
    assert "audit.toml is link" in said
    assert "strange is link" in said


def test_the_page_names_every_part() -> None:
    rows = {line.split("`")[1]: line for line in PAGE.read_text().splitlines() if line[:3] == "| `"}
    assert rows.keys() == {part.pattern for part in PARTS if not part.pattern.endswith(".*")}
    for part in PARTS:
        if row := rows.get(part.pattern):
            assert part.meaning in row
            assert ("left out" in row) == (part.care is Care.LEFT)


def test_a_home_is_not_saved_into_itself_but_for_its_folder_of_copies(home: Path) -> None:
    for place in (home / "a.home", home / "keys" / "a.home"):
        with pytest.raises(FleetError, match="would lie in the home that it saves") as caught:
            call(home, "backup", "--home", str(place))
        assert f"{home}/backups/a.home" in caught.value.remedy
        assert not place.exists()
    shutil.rmtree(home / "backups")
    call(home, "backup", "--home", str(home / "backups/a.home"))
    assert (home / "backups").stat().st_mode & 0o777 == 0o700
    sizes = []
    for _ in range(2):
        call(home, "backup", "--home", str(home / "backups/b.home"))
        sizes.append((home / "backups/b.home").stat().st_size)
    assert sizes[0] == sizes[1]


def test_each_kind_of_backup_names_the_command_that_takes_it(home: Path, tmp_path: Path) -> None:
    whole, store = tmp_path / "a.home", tmp_path / "a.db"
    call(home, "backup", "--home", str(whole))
    call(home, "backup", str(store))
    with pytest.raises(FleetError, match="is a whole home") as caught:
        call(home, "restore", str(whole))
    assert caught.value.remedy == f"fleet restore --home {whole} --to DIR"
    with pytest.raises(FleetError, match="is a copy of a store") as caught:
        call(home, "restore", "--home", str(store), "--to", str(tmp_path / "new"))
    assert caught.value.remedy == f"fleet restore {store}"
    assert not (tmp_path / "new").exists()


def test_the_next_line_after_a_restore_works_as_it_stands(home: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    call(home, "backup", "--home", str(tmp_path / "a.home"))
    moving = ("restore", "--home", str(tmp_path / "a.home"), "--to", str(new))
    for wrong in (("--broker-name", "a b"), ("--bind", "300.1.1.1")):
        with pytest.raises(FleetError, match="is not usable"):
            call(home, *moving, *wrong)
        assert not new.exists()
    said = call(home, *moving).output
    assert f"Try: export FLEET_HOME={new}; fleet broker up, then fleet serve" in said


def test_the_password_of_before_goes_to_no_other_broker_unless_that_is_said(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    (tmp_path / "pass").write_text("old\n")
    (tmp_path / "new").write_text("new\n")
    for name in ("pass", "new"):
        (tmp_path / name).chmod(0o600)
    call(home, "init", "--broker", "mqtt://zephyr@here:1883", "--kind", "nats", "--password-file",
         str(tmp_path / "pass"))  # fmt: skip
    call(home, "backup", "--home", str(tmp_path / "a.home"))

    def restored(*words: str, to: str = "moved") -> tuple[str, str | None, str]:
        done = call(home, "restore", "--home", str(tmp_path / "a.home"), "--to",
                    str(tmp_path / to), *words)  # fmt: skip
        found = load({"home": str(tmp_path / to)}, {})
        return str(found.broker), found.password(), done.output

    there = "mqtt://zephyr@there:1883"
    with pytest.raises(FleetError, match=r"the password of .*here.* is not for .*there") as caught:
        restored("--broker-url", there)
    assert "--password-file" in caught.value.remedy
    assert not (tmp_path / "moved").exists()
    for wrong in ("http://there", "mqtt://there:99999"):
        with pytest.raises(FleetError, match="is not usable"):
            restored("--broker-url", wrong)
    url, password, said = restored("--broker-url", there, "--password-file", str(tmp_path / "new"))
    assert (url, password) == (there, "new")
    assert "fleet broker up" not in said, "that broker is not the home's"
    assert restored("--broker-url", there, "--keep-password", to="same")[:2] == (there, "old")
