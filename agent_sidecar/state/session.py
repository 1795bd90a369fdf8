"""The session number (`boot`) and the message count (`seq`) of a sidecar.

`boot` is ms since the epoch at start but never smaller than the last one, so a clock that was
set back cannot make a new session look old. A one-shot run goes on with the session before it,
unless that one died before it could write down how far it had counted: then its numbers may be
in use, and a new session starts.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any, Final

from agent_sidecar import machine_time
from agent_sidecar.files import read_kept, replace_text
from fleet.contract.limits import MAX_INTEGER

LEAP: Final = 2**16
"""While the clock is behind the last session, a new one leaps by up to so much, drawn at random:
counted by one, sessions of a state directory and of an older copy would have the same numbers."""

ANSWERED: Final = 256
"""Messages whose moment is remembered: a lease answers one of the last few seconds."""

LAST_BOOT: Final = MAX_INTEGER - 2**32
"""A number beyond it is no time of any clock, and would leave none for the sessions after it."""


class Session:
    """Numbers messages; `path` holds `{"boot", "seq", "open"}`.

    Attributes:
        fresh: it was begun by this process, so nobody has ever had its number before.
    """

    def __init__(self, path: Path, boot: int, seq: int = 0, *, fresh: bool = True) -> None:
        self._path = path
        self.boot = boot
        self.fresh = fresh
        self._next = seq
        self._unsaved = True
        self._sent_at: dict[int, float] = {}

    @classmethod
    def begin(cls, path: Path, now: float) -> Session:
        """A new session, as a daemon starts one; `now` is s since the epoch."""
        last, _, _ = _read(path)
        session = cls(path, _after(last, now))
        session.save()
        return session

    @classmethod
    def resume(cls, path: Path, now: float) -> Session:
        """The session before, if it was closed in order; else a new one."""
        last, seq, is_open = _read(path)
        if last < 0 or is_open:
            return cls.begin(path, now)
        session = cls(path, last, seq, fresh=False)
        session.save()
        return session

    def renew(self, now: float) -> None:
        """Go on as a session of this process's own: what it took up may be an older copy's."""
        self.boot, self._next, self.fresh = _after(self.boot, now), 0, True
        self._sent_at.clear()
        self._unsaved = True
        self.save()

    def next_seq(self) -> int:
        self._sent_at[self._next] = machine_time.now()
        self._sent_at.pop(self._next - ANSWERED, None)
        self._next += 1
        return self._next - 1

    def sent_at(self, seq: int) -> float | None:
        """When this process made its message `seq`, by the machine's clock; None: not lately."""
        return self._sent_at.get(seq)

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


def _after(last: int, now: float) -> int:
    milliseconds = int(now * 1000)
    return milliseconds if milliseconds > last else last + 1 + secrets.randbelow(LEAP)


def _read(path: Path) -> tuple[int, int, bool]:
    """(boot, seq, open); boot is -1 where nothing usable is written."""
    return read_kept(path, _parsed, "a session") or (-1, 0, True)


def _parsed(record: dict[str, Any]) -> tuple[int, int, bool]:
    """
    Raises:
        KeyError, TypeError, ValueError: it is no session, or nothing could follow it.
    """
    boot, seq, is_open = record["boot"], record["seq"], record["open"]
    if (type(boot), type(seq), type(is_open)) != (int, int, bool):
        raise TypeError
    if not 0 <= boot <= LAST_BOOT or not 0 <= seq <= MAX_INTEGER:
        raise ValueError
    return boot, seq, is_open
