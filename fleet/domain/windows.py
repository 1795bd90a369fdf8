"""Maintenance that comes again: when a window of the settings is open, in its own time zone.

Pure: time is an argument. The times are cron's, judged by `cronsim`, which handles the two days a
year that are no 24 hours long as Debian's cron does: what falls into the hour that is left out
begins after it, what falls into the hour that comes twice begins once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

from fleet.contract.timestamps import timestamp
from fleet.domain.silences import Silence, window_id


@dataclass(frozen=True, slots=True)
class Window:
    """`[maintenance.NAME]`: begins by `cron` in `zone`, lasts `seconds`; of all, or of a scope."""

    name: str
    cron: str
    zone: ZoneInfo
    seconds: float
    agent: str = ""
    scope: str = ""
    code: str = ""

    def open_at(self, now: float) -> Silence | None:
        """What it holds back at `now` (s since the epoch); None: it is not open."""
        begins = self.next_after(now - self.seconds)
        if begins is None or begins > now:
            return None
        return Silence(
            window_id(self.name, begins),
            begins + self.seconds,
            self.agent,
            self.code,
            "fleet.toml",
            scope=self.scope,
            begins=begins,
        )

    def next_after(self, now: float) -> float | None:
        """When it begins next (s since the epoch); None: never."""
        try:
            found: datetime = next(CronSim(self.cron, datetime.fromtimestamp(now, self.zone)))
        except StopIteration:
            return None
        return found.timestamp()

    def is_endless(self, now: float, beginnings: int) -> bool:
        """Whether it is never closed between the next `beginnings` after `now`."""
        begins = self.next_after(now)
        for _ in range(beginnings):
            following = None if begins is None else self.next_after(begins)
            if begins is None or following is None or following > begins + self.seconds:
                return False
            begins = following
        return True

    def as_dict(self, now: float) -> dict[str, Any]:
        following = self.next_after(now)
        return {
            "name": self.name,
            "cron": self.cron,
            "zone": self.zone.key,
            "seconds": self.seconds,
            "agent": self.agent or None,
            "scope": self.scope or None,
            "code": self.code or None,
            "next": None if following is None else timestamp(following),
        }
