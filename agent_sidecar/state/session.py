"""The session number (`boot`) and the message count (`seq`) of a sidecar.

`boot` is ms since the epoch at start but never smaller than the last one, so a clock that was
set back cannot make a new session look old. A one-shot run goes on with the session before it,
unless that one died before it could write down how far it had counted: then its numbers may be
in use, and a new session starts.
"""

from __future__ import annotations

import json
from pathlib import Path

from agent_sidecar.files import replace_text


class Session:
    """Numbers messages; `path` holds `{"boot", "seq", "open"}`."""

    def __init__(self, path: Path, boot: int, seq: int = 0) -> None:
        self._path = path
        self.boot = boot
        self._next = seq
        self._unsaved = True

    @classmethod
    def begin(cls, path: Path, now: float) -> Session:
        """A new session, as a daemon starts one; `now` is s since the epoch."""
        last, _, _ = _read(path)
        session = cls(path, max(int(now * 1000), last + 1))
        session.save()
        return session

    @classmethod
    def resume(cls, path: Path, now: float) -> Session:
        """The session before, if it was closed in order; else a new one."""
        last, seq, is_open = _read(path)
        if last < 0 or is_open:
            return cls.begin(path, now)
        session = cls(path, last, seq)
        session.save()
        return session

    def next_seq(self) -> int:
        self._next += 1
        return self._next - 1

    def take_back(self, seq: int) -> None:
        """`seq`, the last number issued, was not used after all: a gap would look like loss."""
        if seq == self._next - 1:
            self._next = seq

    @property
    def issued(self) -> int:
        """How many numbers of this session are in use; every valid `seq` is below it."""
        return self._next

    def save(self) -> bool:
        """Write the number down, if it is not yet; a full disk is retried with the next call."""
        if self._unsaved:
            self._unsaved = not self._write(is_open=True)
        return not self._unsaved

    def close(self) -> None:
        """Write down how far this session counted, so that a one-shot run can go on."""
        self._write(is_open=False)

    def _write(self, *, is_open: bool) -> bool:
        record = {"boot": self.boot, "seq": self._next, "open": is_open}
        try:
            replace_text(self._path, json.dumps(record))
        except OSError:
            return False
        return True


def _read(path: Path) -> tuple[int, int, bool]:
    """(boot, seq, open); boot is -1 where nothing usable is written."""
    try:
        record = json.loads(path.read_text())
        return int(record["boot"]), int(record["seq"]), bool(record["open"])
    except (OSError, ValueError, KeyError, TypeError):
        return -1, 0, True
