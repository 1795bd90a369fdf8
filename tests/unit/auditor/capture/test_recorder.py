"""The capture as it is written, and read back."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fleet.auditor.capture import line_format
from fleet.auditor.capture.line_format import Captured, Gap, GapKind
from fleet.auditor.capture.recorder import DAY, Bounds, CaptureWriter
from tests.support.audits import NOON


def read_all(folder: Path) -> list[Captured | Gap]:
    return [
        item
        for path in sorted(folder.glob(line_format.PATTERN))
        for item in line_format.read_file(path)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "capture"


class Clock:
    """Milliseconds pass with each look, so that files have names of their own."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.mark.parametrize(
    "payload", [b'{"ok":true}', b"", b"\xff\x00\xfe", '"\u2028é😀'.encode(), b'\\"\n']
)
def test_every_payload_survives(payload: bytes, folder: Path):
    writer = CaptureWriter(folder)
    writer.open()
    beside = (("user-property", 7),)
    writer.write(NOON, "fleet/alpha/heartbeat", payload, True, beside)
    writer.close()
    assert read_all(folder) == [
        Captured(1, NOON, "fleet/alpha/heartbeat", payload, True, (("user-property", 7),))
    ]


def test_nobody_else_can_read_it(folder: Path):
    writer = CaptureWriter(folder)
    writer.open()
    writer.close()
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_restart_is_a_gap_and_a_first_start_is_none(folder: Path):
    clock = Clock()
    first = CaptureWriter(folder, clock=clock)
    first.open()
    first.write(NOON, "t", b"{}", False)
    first.close()
    (path,) = folder.iterdir()
    os.utime(path, (NOON, NOON))
    clock.now += 100
    second = CaptureWriter(folder, clock=clock)
    second.open()
    second.close()
    message, gap = read_all(folder)
    assert isinstance(message, Captured)
    assert isinstance(gap, Gap)
    assert (gap.kind, gap.since) == (GapKind.HUB_DOWN, NOON)
    assert gap.until is not None
    assert gap.until >= NOON + 100


def test_beyond_its_bound_the_oldest_goes_and_a_gap_says_so(folder: Path):
    writer = CaptureWriter(folder, Bounds(file_bytes=1000, total_bytes=4000), Clock())
    writer.open()
    for number in range(200):
        writer.write(NOON + number, "fleet/alpha/heartbeat", b"x" * 40, False)
    writer.close()
    sizes = [path.stat().st_size for path in folder.iterdir()]
    assert sum(sizes) <= 4200
    kept = read_all(folder)
    assert GapKind.CAPTURE_FULL in {item.kind for item in kept if isinstance(item, Gap)}
    messages = [item for item in kept if isinstance(item, Captured)]
    assert messages[-1].at == NOON + 199


def test_a_folder_that_cannot_be_written_becomes_a_gap(folder: Path):
    writer = CaptureWriter(folder, Bounds(file_bytes=100), Clock())
    writer.open()
    writer.write(NOON, "t", b"x" * 200, False)
    hidden = folder.with_name("hidden")
    folder.rename(hidden)
    folder.write_text("not a folder")
    writer.write(NOON + 1, "t", b"{}", False)
    assert writer.lost == 1
    folder.unlink()
    hidden.rename(folder)
    writer.write(NOON + 2, "t", b"{}", False)
    writer.close()
    gaps = [item for item in read_all(folder) if isinstance(item, Gap)]
    assert [(gap.kind, gap.since, gap.until) for gap in gaps] == [
        (GapKind.CAPTURE_FULL, NOON + 1, NOON + 2)
    ]


def test_a_line_too_long_is_a_gap_and_the_next_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("fleet.auditor.capture.line_format.MAX_LINE", 256)
    writer = CaptureWriter(folder)
    writer.open()
    writer.write(NOON, "t", b"x" * 2000, False)
    writer.write(NOON, "t", b"{}", False)
    writer.close()
    long, short = read_all(folder)
    assert long == Gap(GapKind.UNREADABLE, line=1)
    assert isinstance(short, Captured)
    assert short.line == 2


JUMPS = [3_600.0, -3_600.0, 30 * DAY, -30 * DAY, 3_650 * DAY, -3_650 * DAY]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_was_wrong_for_a_while_takes_nothing_out_of_its_turn(
    folder: Path, jump: float
):
    """Right, wrong, right again: all of it is read in the order in which it came."""
    clock = Clock()
    for number, off in enumerate((0.0, jump, 0.0, 0.0)):
        clock.now = NOON + number * 3_600 + off
        writer = CaptureWriter(folder, clock=clock)
        writer.open()
        writer.write(clock.now, "t", str(number).encode(), False)
        writer.close()
    items = read_all(folder)
    messages = [item for item in items if isinstance(item, Captured)]
    assert [message.payload for message in messages] == [b"0", b"1", b"2", b"3"]
    for gap in items:
        if isinstance(gap, Gap):
            assert gap.since is not None
            assert gap.until is not None
            assert gap.since <= gap.until


@pytest.mark.parametrize("jump", JUMPS)
def test_what_is_too_old_is_known_by_the_hubs_time_and_not_by_a_files(folder: Path, jump: float):
    clock = Clock()
    writer = CaptureWriter(folder, Bounds(file_bytes=1), clock, lambda _: clock.now)
    for day in range(5):
        clock.now = NOON + day * DAY
        writer.write(clock.now, "t", str(day).encode(), False)
    for path in folder.iterdir():
        os.utime(path, (NOON + jump, NOON + jump))
    clock.now = NOON + (9 + 3) * DAY
    writer.write(clock.now, "t", b"now", False)
    writer.close()
    kept = [item.payload for item in read_all(folder) if isinstance(item, Captured)]
    assert kept[-2:] == [b"4", b"now"]
    assert b"0" not in kept
    assert b"3" in kept, "of its file all is older than the next one's first line, and no more"


def test_in_doubt_nothing_is_too_old_and_the_bound_of_size_holds_all_the_same(folder: Path):
    clock = Clock()
    bounds = Bounds(file_bytes=1, total_bytes=1_000)
    writer = CaptureWriter(folder, bounds, clock, lambda _: 0.0)
    for day in range(3):
        clock.now = NOON + day * 100 * DAY
        writer.write(clock.now, "t", str(day).encode(), False)
    assert len([i for i in read_all(folder) if isinstance(i, Captured)]) >= 2
    for _ in range(60):
        writer.write(clock.now, "t", b"more", False)
    writer.close()
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1_100
