"""Every file that the two programs keep, on every kind of bad disk: a command goes on, or says in
two lines what is wrong; it believes nothing that is half, and works again once the fault is gone.

The commands run in processes of their own, forked from the test: real disks, real files, real exit
codes, and no second for the start of each.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from agent_sidecar import one_shot
from tests.support.bad_disk import DEFECT, Disk, Said, small_disk
from tests.support.broker import Mosquitto
from tests.support.kept_files import FILES, Kept, Work, hub
from tests.support.kept_world import World
from tests.support.one_liner import PRESENT, run
from tests.support.one_liner import serve as serve_drop

FUTURE = 4_000_000_000.0
"""Seconds since the epoch: the year 2096."""

# --- faults


def changed(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return spoil


def vanish(path: Path) -> None:
    shutil.rmtree(path.parent)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    (path / "held").mkdir(parents=True)


NO_RIGHT: dict[str, Callable[[Path], None]] = {
    "forbidden": lambda path: path.chmod(0),
    "in a folder that is not for writing": lambda path: path.parent.chmod(0o500),
}
GONE: dict[str, Callable[[Path], None]] = {
    "gone": lambda path: path.unlink(),
    "gone with its folder": vanish,
    "a folder": replace_by_folder,
    "dated ahead": lambda path: os.utime(path, (FUTURE, FUTURE)),
}
HALF: dict[str, Callable[[Path], None]] = {
    "cut in half": changed(lambda text: text[: len(text) // 2]),
    "cut before its end": changed(lambda text: text.rstrip()[:-2]),
    "noise": changed(lambda text: bytes(byte ^ 0xA5 for byte in text)),
}
NO_JSON: dict[str, Callable[[Path], None]] = {
    "an infinite number": changed(lambda _: b"1e999"),
    "nested too deeply": changed(lambda _: b"[" * 100_000),
}
FAULTS = {**NO_RIGHT, **GONE, **HALF, **NO_JSON}
DISKS: dict[str, Callable[[Disk], AbstractContextManager[None]]] = {
    "full": Disk.full,
    "read-only": Disk.read_only,
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    # Not below pytest's own folder: its name may be too long for the path of a socket.
    folder = Path(tempfile.mkdtemp())
    before = Path.cwd()
    with small_disk(folder / "disk") as disk, pytest.MonkeyPatch.context() as patch:
        if disk is None:
            pytest.skip("mounting a tmpfs needs root")
        patch.setattr(one_shot.Purpose, "quiet", lambda *_: 0.01)  # nobody sends commands here
        mosquitto = Mosquitto(folder / "broker").start()
        try:
            made = World(disk, mosquitto.url)
            made.make()
            yield made
        finally:
            os.chdir(before)
            mosquitto.stop()
    gc.unfreeze()
    shutil.rmtree(folder)


def tells(kept: Kept, fault: str, before: Sequence[Kept]) -> bool:
    """Whether a fault of a file shows what no other row of the table has shown."""
    folder = kept.path.rpartition("/")[0]
    seen = any(k.work is kept.work and k.path.rpartition("/")[0] == folder for k in before)
    if "folder" in fault and fault != "a folder":
        return not seen  # the same folder, of the same work
    if fault == "dated ahead":
        return kept.dated
    if kept.path.endswith("lock"):
        return fault not in HALF | NO_JSON  # nothing stands in it
    if kept.path.endswith(
        ".json"
    ):  # what else they may hold is `tests/unit/contract/test_kept_file.py`'s
        return fault not in NO_JSON and fault != "cut in half"
    if kept.path.endswith((".pem", ".key", ".sqlite3")):
        return fault not in NO_JSON and fault != "cut in half"
    return fault not in NO_JSON or kept.path.endswith((".jsonl", ".log"))


ALL_DISKS = [
    *((kept, fault) for kept in {kept.work: kept for kept in FILES}.values() for fault in DISKS),
    *((kept, "full, and the file is missing") for kept in FILES),
]
"""A disk is full or read-only for all files of a work at once."""

SPOILT = [
    (kept, fault)
    for number, kept in enumerate(FILES)
    for fault in FAULTS
    if tells(kept, fault, FILES[:number])
]


def sound(said: Said) -> None:
    """No traceback, and whoever refuses says what to try."""
    both = said.out + said.err
    assert said.code != DEFECT, both
    assert "Traceback" not in both, both


def name(one: Kept | str) -> str:
    return one if isinstance(one, str) else one.path


@pytest.fixture(scope="module")
def usual(world: World) -> Callable[[Kept], Said]:
    """What a command says on a good disk."""
    known: dict[Work, Said] = {}

    def said(kept: Kept) -> Said:
        if kept.work not in known:
            world.renew()
            known[kept.work] = world.call(kept.work)
            assert known[kept.work].code in (0, 2), known[kept.work]
        return known[kept.work]

    return said


@pytest.mark.parametrize(("kept", "fault"), ALL_DISKS, ids=name)
def test_a_bad_disk_is_survived_or_told(
    kept: Kept, fault: str, world: World, usual: Callable[[Kept], Said]
) -> None:
    fault, _, missing = fault.partition(", ")
    normal = usual(kept)
    world.renew()
    if missing:
        (kept.within(world.home)).unlink()
    before = _contents(world)
    with DISKS[fault](world.disk):
        said = world.call(kept.work)
        after = _contents(world)
    sound(said)
    if said.code != normal.code:
        assert "Try:" in said.out + said.err or kept.told in said.out
        path = str(kept.within(world.home).relative_to(world.home))
        same = after.get(path) == before.get(path)
        assert missing or kept.optional or same, "a file was left half changed"
    if missing and said.code == normal.code:
        return
    world.heal(kept, content=bool(missing))
    healed = world.call(kept.work)
    assert healed.code == normal.code, healed.err


@pytest.mark.parametrize("shell", PRESENT)
def test_the_one_liner_says_in_two_lines_that_the_disk_is_full(shell: str, world: World) -> None:
    world.renew()
    drop = serve_drop(world.home / "drop")
    waiting = sorted(drop.iterdir())
    with world.disk.full():
        said = run("status", "state=degraded", home=drop, shell=shell, FLEET_AGENT="alpha",
                   FLEET_DROP=str(drop))  # fmt: skip
    assert said.returncode == 3
    assert said.stderr.splitlines() == [
        f"{drop} takes no file: no room, or no right to write",
        f"Try: df {drop}",
    ]
    assert sorted(drop.iterdir()) == waiting


def serve() -> int | None:
    signal.alarm(30)  # it is to refuse, not to stay
    return hub("serve", "--http", "127.0.0.1:0")()


@pytest.mark.parametrize("fault", DISKS)
def test_a_store_on_a_bad_disk_is_not_called_damaged(fault: str, world: World) -> None:
    """Whoever believed it would move a good store away."""
    world.renew()
    for work in (serve, hub("history"), hub("backup", "copy.db")):
        with DISKS[fault](world.disk):
            said = world.call(work)
        sound(said)
        assert said.code in (0, 3)
        assert "damaged" not in said.err
        assert (said.code == 0) or "Try:" in said.err


@pytest.mark.parametrize(("kept", "fault"), SPOILT, ids=name)
def test_a_spoilt_file_is_never_believed(
    kept: Kept, fault: str, world: World, usual: Callable[[Kept], Said]
) -> None:
    normal = usual(kept)
    world.renew()
    FAULTS[fault](kept.within(world.home))
    _judge(world, kept, normal, half=fault in HALF or fault in NO_JSON)


@pytest.mark.parametrize("kept", [kept for kept in FILES if kept.later], ids=name)
def test_what_another_release_wrote_is_never_believed(
    kept: Kept, world: World, usual: Callable[[Kept], Said]
) -> None:
    normal = usual(kept)
    world.renew()
    (kept.within(world.home)).write_text(kept.later)
    _judge(world, kept, normal, half=True)


@pytest.mark.parametrize("kept", {kept.work: kept for kept in FILES}.values(), ids=name)
def test_two_at_once_lose_nothing(kept: Kept, world: World, usual: Callable[[Kept], Said]) -> None:
    normal = usual(kept)
    world.renew()
    for said in world.call_at_once([kept.work] * 2):
        sound(said)
        assert said.code == normal.code or "Try:" in said.out + said.err
    assert world.call(kept.work).code == normal.code
    if kept.path == "tokens.json":
        made = json.loads((kept.within(world.home)).read_text())
        before = json.loads((world.whole / kept.path).read_text())
        assert len(made) - len(before) in (0, 3)
    if kept.path == "actions.jsonl":
        assert len((kept.within(world.home)).read_text().splitlines()) == 4


def _judge(world: World, kept: Kept, normal: Said, *, half: bool) -> None:
    said = world.call(kept.work)
    sound(said)
    both = said.out + said.err
    if said.code != normal.code:
        assert any(word in both for word in ("Try:", "gap", kept.told))
    elif half and not kept.optional:
        cut = (kept.within(world.home)).stem
        assert cut in both or kept.told in both or said.out == normal.out, (
            "what is half was believed without a word"
        )
    if said.code == normal.code:
        return
    world.heal(kept, content=True)
    healed = world.call(kept.work)
    assert healed.code == normal.code, healed.err


def _contents(world: World) -> dict[str, bytes]:
    files = (path for path in world.home.glob("**/*") if path.is_file())
    return {str(path.relative_to(world.home)): path.read_bytes() for path in files}
