"""The capture as it is written: bounded, 0600, rotating, with marks where something is missing."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import orjson

from fleet.auditor.capture.line_format import MAX_LINE, PATTERN, GapKind
from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.publish_properties import Properties
from fleet.store.retention import TimeFor, expired

FILE_BYTES: Final = 64 * 2**20
"""One file: small enough to lose the oldest without losing a day, large enough to be few."""

TOTAL_BYTES: Final = 8 * 2**30
"""All files: about 40 million heartbeats, nine days of 50 a second."""

KEEP_DAYS: Final = 9.0
"""A week and a late audit."""

TAIL: Final = 2**16
"""Bytes of a file's end that are searched for its last time."""

DAY: Final = 86_400.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept; the table `[audit]` of `fleet.toml` may say otherwise."""

    file_bytes: int = FILE_BYTES
    total_bytes: int = TOTAL_BYTES
    keep_days: float = KEEP_DAYS

    @classmethod
    def of(cls, table: dict[str, Any]) -> Bounds:
        """
        Raises:
            ConfigError: a value is not a number above zero.
        """
        for name in ("capture_mb", "keep_days"):
            value = table.get(name, 1)
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise ConfigError(f"audit.{name} is not usable", "not a number above 0", "9")
        total = int(table.get("capture_mb", TOTAL_BYTES / 2**20) * 2**20)
        file_bytes = min(FILE_BYTES, max(4096, total // 8))
        return cls(file_bytes, total, float(table.get("keep_days", KEEP_DAYS)))


class CaptureWriter:
    """One writer. A full disk stops nothing: what is not written becomes a gap.

    Beyond its bounds the oldest files go, and a mark says until when.
    """

    def __init__(
        self,
        folder: Path,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.time,
        due: TimeFor | None = None,
    ) -> None:
        self._folder = folder
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._due = due or (lambda _: clock())
        self._stream: IO[bytes] | None = None
        self._size = 0
        self._opened = False
        self._lost_since: float | None = None
        self.lost = 0
        """Messages that could not be written."""

    def open(self) -> None:
        """Begin a file, and mark the time since the last line of the one before; once.

        Raises:
            ConfigError: the folder cannot be made or written.
        """
        if self._opened:
            return
        self._opened = True
        try:
            trusted_path.make_folder(self._folder)
            last = self._last_time()
            self._rotate()
        except OSError as error:
            raise ConfigError(
                f"the capture {self._folder} cannot be written",
                error.strerror or "",
                f"ls -ld {self._folder}",
            ) from None
        if last is not None:
            self.gap(GapKind.HUB_DOWN, last, self._clock())

    def write(
        self, ts: float, topic: str, payload: bytes, retain: bool, properties: Properties = ()
    ) -> None:
        """Record one message; 2 µs."""
        item: dict[str, Any] = {"ts": ts, "topic": topic, "payload": "", "retain": retain}
        if properties:
            item["properties"] = dict(properties)
        try:
            item["payload"] = payload.decode()
            line = orjson.dumps(item)
        except (UnicodeDecodeError, ValueError):
            item["payload"] = payload.decode("utf-8", "surrogateescape")
            line = json.dumps(item).encode()
        self._put(line + b"\n", ts)

    def gap(self, kind: GapKind, since: float, until: float) -> None:
        """Mark a time about which the capture may lack messages."""
        # A clock that was set back meanwhile ends before it begins: all of it may be missing.
        mark = {"gap": kind.value, "since": min(since, until), "until": max(since, until)}
        self._put(orjson.dumps(mark) + b"\n", until)

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except OSError:
                self._fail(self._clock())

    def close(self) -> None:
        self.flush()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _put(self, line: bytes, at: float) -> None:
        if self._size >= self._bounds.file_bytes or self._stream is None:
            try:
                if self._opened:
                    self._rotate()
                else:
                    self.open()
            except ConfigError:
                self._fail(at)
            except OSError:
                self._fail(at)
        if self._stream is None:
            self.lost += 1
            return
        try:
            if self._lost_since is not None:
                since, self._lost_since = self._lost_since, None
                self.gap(GapKind.CAPTURE_FULL, since, at)
            self._stream.write(line)
            self._size += len(line)
        except OSError:
            self.lost += 1
            self._fail(at)

    def _fail(self, at: float) -> None:
        """Go without a file until the next message tries again."""
        if self._lost_since is None:
            self._lost_since = at
            _log.warning("the capture cannot be written: audits will show a gap")
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(OSError):  # its buffer is lost; the gap says so
                stream.close()

    def _rotate(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        files = self._files()
        self._forget(files)
        # A name is an order first and a time second: one that sorts before what was written
        # earlier, by a clock that ran ahead, would be read and dropped out of turn.
        latest = _milliseconds(files[-1]) if files else 0
        begun = max(int(self._clock() * 1000), latest + 1)
        path = self._folder / PATTERN.replace("*", f"{begun:013d}")
        handle = trusted_path.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._stream = os.fdopen(handle, "ab", buffering=2**16)
        self._size = path.stat().st_size

    def _forget(self, files: list[Path]) -> None:
        """Drop the oldest files beyond age and size: of a file all is older than the next's first
        line, and it is never the last."""
        keep, now = self._bounds.keep_days, self._clock()
        ends = [_first_time(later) or later.stat().st_mtime for later in files[1:]]
        old = expired(enumerate(ends, 1), self._due(keep) - keep * DAY, now) or 0
        total = sum(path.stat().st_size for path in files)
        for number, path in enumerate(files, 1):
            over = total + self._bounds.file_bytes > self._bounds.total_bytes
            if number > old and not over:
                break
            first, size = _first_time(path), path.stat().st_size
            path.unlink(missing_ok=True)
            total -= size
            if number > old:
                _log.warning("the capture is at its bound: messages before their time are dropped")
                self._lost_since = self._lost_since or first or now

    def _files(self) -> list[Path]:
        """In the order in which they were begun."""
        return sorted(self._folder.glob(PATTERN), key=_milliseconds)

    def _last_time(self) -> float | None:
        """The time of the newest line, by the hub's clock; where none can be read, when the last
        file was written."""
        files = self._files()
        times = filter(None, map(_last_time, reversed(files)))
        return next(times, files[-1].stat().st_mtime) if files else None


def _milliseconds(path: Path) -> int:
    """The number in a capture file's name."""
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def _first_time(path: Path) -> float | None:
    """The time of a file's first line."""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        return _time_of(stream.readline(MAX_LINE))
    return None


def _last_time(path: Path) -> float | None:
    """The time of a file's last line that can be read."""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - TAIL))
        times = (_time_of(line) for line in reversed(stream.read().splitlines()))
        return next(filter(None, times), None)
    return None


def _time_of(line: bytes) -> float | None:
    with contextlib.suppress(ValueError):
        item = orjson.loads(line)
        at = (item.get("ts") or item.get("until")) if isinstance(item, dict) else None
        return float(at) if isinstance(at, int | float) else None
    return None
