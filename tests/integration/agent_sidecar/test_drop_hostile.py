"""The drop directory of a sidecar of root, and another user who means harm.

He swaps names for links, pipes, folders and the directory itself, as fast as he can, while root
takes up what waits. What only root may touch must be as it was. Figures are of one run each.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.drop import directory as module
from agent_sidecar.drop.directory import DropDirectory
from fleet.contract.errors import FleetError
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import MessageKind
from tests.support.other_user import UID, as_root, fork_as, run_as
from tests.support.sidecar import Listener, Sidecar

pytestmark = as_root

JUDGES = schema_validators()
ALERT = {"code": "disk-pressure", "severity": "warning", "state": "firing"}
ROUNDS = 300
"""Times that root opens the directory and looks through it."""


class Victim:
    """A folder of root alone with 150 files that look like messages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(0o700)
        for number in range(150):
            (folder / f"alert-{number}.json").write_text(json.dumps(ALERT))
        self.before = self.state()

    def state(self) -> dict[str, Any]:
        files = {path.name: path.read_text() for path in self.folder.iterdir()}
        return {"mode": stat.S_IMODE(self.folder.stat().st_mode), "files": files}

    @property
    def untouched(self) -> bool:
        return self.state() == self.before


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    return Victim(tmp_path / "victim")


def made(folder: Path, mode: int, owner: int = 0) -> Path:
    folder.mkdir()
    os.chown(folder, owner, owner)
    folder.chmod(mode)
    return folder


class Root:
    """A sidecar's side, looking again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outcomes: Counter[str] = Counter()
        self.got: list[dict[str, Any]] = []

    def deliver(self, _kind: MessageKind, message: dict[str, Any]) -> bool:
        self.got.append(message)
        return True

    def look(self) -> DropDirectory | None:
        drop = DropDirectory(self.folder, JUDGES)
        try:
            drop.open()
            drop.claim("alpha")
        except FleetError as error:
            self.outcomes[error.what.rpartition(" is ")[2]] += 1
            return None
        self.outcomes["opened"] += 1
        drop.scan(time.time() + 5, self.deliver)
        drop.close()
        return drop


@contextmanager
def attacker(folder: Path, attack: Callable[[int], None]) -> Iterator[None]:
    """Have another user do `attack`, whatever fails of it, until the block ends."""

    def work() -> None:
        number = 0
        while True:
            with suppress(OSError):
                attack(number)
            number += 1

    child = fork_as(UID, folder, work)
    try:
        yield
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def swap_directory(number: int) -> None:
    """`drop` is now a link into root's folder, now a directory of his with one in it, now none."""
    with suppress(OSError):
        Path("drop").unlink()
    with suppress(OSError):
        Path("drop").rename(f".gone-{os.getpid()}-{number}")
    if number % 3 == 0:
        Path("drop").symlink_to("victim")
    elif number % 3 == 1:
        Path("drop").mkdir(0o777)
        Path("drop/rejected").symlink_to("../victim")
        for which in "abcd":
            Path(f"drop/alert-{which}.json").write_text("[]")


def swap_names(number: int) -> None:
    """What waits is now a message, now a link, a pipe, a folder; `rejected` is a link if it can."""
    name = f"alert-{number % 20}.json"
    with suppress(OSError):
        Path("rejected").symlink_to("../victim")
    with suppress(OSError):
        Path("rejected").rename(".mine")
    with suppress(OSError):
        Path(name).unlink()
    match number % 5:
        case 0:
            Path(name).symlink_to(f"../victim/{name}")
        case 1:
            os.mkfifo(name)
        case 2:
            Path(name).mkdir()
        case 3:
            Path(name).write_text("x" * 100_000)
        case _:
            Path(name).write_text(json.dumps(ALERT))


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_the_directory_itself_is_swapped_while_root_opens_it(
    tmp_path: Path, victim: Victim, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_REJECTED", 3)  # beyond it, files are deleted
    parent = made(tmp_path / "parent", mode)
    (parent / "victim").symlink_to(victim.folder)
    root = Root(parent / "drop")
    with attacker(parent, swap_directory):
        for number in range(ROUNDS):
            root.look()
            with suppress(OSError):  # as if /run had been cleared: the race begins anew
                (parent / "drop").rename(parent / f"old-{number}")
    print(f"parent {mode:04o}: {dict(root.outcomes)}")
    assert victim.untouched
    assert root.outcomes.total() == ROUNDS
    assert root.got == []
    if mode == 0o777:
        assert not root.outcomes["opened"], "nobody can say what lies in a folder all may write"


def test_names_in_the_directory_are_swapped_while_root_sweeps(
    tmp_path: Path, victim: Victim
) -> None:
    folder = made(tmp_path / "drop", 0o1733)
    root = Root(folder)
    with attacker(folder, swap_names):
        for _ in range(ROUNDS):
            last = root.look()
    assert last is not None
    kept = sum(path.stat().st_size for path in (folder / "rejected").iterdir())
    print(f"{dict(root.outcomes)}, {len(root.got)} messages taken, {kept} bytes kept")
    assert victim.untouched
    assert root.outcomes == {"opened": ROUNDS}
    assert all(message["code"] == ALERT["code"] for message in root.got)
    assert (folder / "rejected").lstat().st_uid == 0
    assert kept <= 4097 * module.MAX_REJECTED


def test_a_directory_of_the_agents_user_is_refused(tmp_path: Path, victim: Victim) -> None:
    folder = made(tmp_path / "drop", 0o1733, owner=UID)
    (folder / "rejected").symlink_to(victim.folder)
    with pytest.raises(FleetError, match=f"belongs to uid {UID}"):
        DropDirectory(folder, JUDGES).open()
    assert victim.untouched


def test_a_directory_below_one_of_the_agents_user_is_refused(tmp_path: Path) -> None:
    home = made(tmp_path / "home", 0o755, owner=UID)
    with pytest.raises(FleetError) as found:
        DropDirectory(home / "new" / "drop", JUDGES).open()
    assert f"{home} belongs to uid {UID}" in str(found.value)
    assert list(home.iterdir()) == []


def foreign_folder() -> None:
    Path("rejected").mkdir()
    Path("rejected/mine").touch()


def foreign_link() -> None:
    Path("rejected").symlink_to("../victim")


@pytest.mark.parametrize("prepare", [foreign_folder, foreign_link])
def test_what_somebody_put_in_the_place_of_rejected_is_not_used(
    tmp_path: Path, victim: Victim, prepare: Callable[[], None]
) -> None:
    folder = made(tmp_path / "drop", 0o1733)
    assert run_as(UID, folder, prepare) == 0
    root = Root(folder)
    for number in range(module.MAX_REJECTED + 20):
        (folder / f"alert-{number}.json").write_text("[]")
    root.look()
    root.look()
    assert victim.untouched
    assert not list(folder.glob("alert-*"))
    if prepare is foreign_folder:
        assert [path.name for path in (folder / "rejected").iterdir()] == ["mine"]
    else:
        assert len(list((folder / "rejected").iterdir())) == module.MAX_REJECTED


def test_of_a_large_file_only_its_beginning_is_kept(tmp_path: Path) -> None:
    folder = made(tmp_path / "drop", 0o1733)
    with (folder / "alert-1.json").open("wb") as stream:
        stream.write(b"[" * 50_000_000)
    Root(folder).look()
    assert [path.stat().st_size for path in (folder / "rejected").iterdir()] == [4097]
    assert not (folder / "alert-1.json").exists()


def test_a_file_that_grows_while_it_is_read_ends(tmp_path: Path) -> None:
    folder = made(tmp_path / "drop", 0o1733)
    root = Root(folder)

    def grow(number: int) -> None:
        with Path(f"alert-{number % 3}.json").open("a") as stream:
            stream.write("[" * 65_536)

    with attacker(folder, grow):
        for _ in range(50):
            root.look()
    assert root.got == []
    assert all(path.stat().st_size <= 4097 for path in (folder / "rejected").iterdir())


def test_a_device_and_a_hard_link_to_a_file_of_root_are_taken_away_unread(
    tmp_path: Path, victim: Victim
) -> None:
    folder = made(tmp_path / "drop", 0o1733)
    secret = victim.folder / "alert-0.json"
    os.link(secret, folder / "alert-1.json")
    with suppress(PermissionError):  # a container may not make one
        os.mknod(folder / "alert-2.json", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    root = Root(folder)
    root.look()
    assert root.got == []
    assert list((folder / "rejected").iterdir()) == []
    assert not list(folder.glob("alert-*"))
    assert victim.untouched


def test_parents_that_are_made_are_not_open_to_everybody_whatever_the_umask(
    tmp_path: Path,
) -> None:
    before = os.umask(0)
    try:
        Root(tmp_path / "a" / "b" / "drop").look()
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/drop")]
    assert modes == [0o755, 0o755, 0o1733]


def test_a_real_sidecar_of_root_serves_a_prepared_directory_and_harms_nothing(
    hub: Listener, sidecar: Sidecar, tmp_path: Path
) -> None:
    victim = Victim(tmp_path / "root-only")
    folder = made(sidecar.drop, 0o1733)
    assert run_as(UID, folder, lambda: Path("rejected").symlink_to(victim.folder)) == 0
    sidecar.start()
    hub.wait("status", state="running")

    def work() -> None:
        for number in range(20):
            Path(f".{number}").write_text("[]")
            Path(f".{number}").rename(f"alert-{number}.json")
        Path(".last").write_text(json.dumps(ALERT))
        Path(".last").rename("alert-last.json")

    assert run_as(UID, folder, work) == 0
    hub.wait("alert", code="disk-pressure")
    assert victim.untouched
    assert not (folder / "rejected").is_symlink()
