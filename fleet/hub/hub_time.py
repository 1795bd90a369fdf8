"""The hub's time: this machine's clocks, read for the rules in `fleet.domain.hub_clock`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection

from fleet.domain.hub_clock import Doubt, HubClock, Step
from fleet.domain.retention_clock import RetentionClock
from fleet.hub import machine_clock
from fleet.hub.machine_clock import Kept

_log = logging.getLogger(__name__)


class HubTime:
    """What every part of a hub takes its time from.

    Args:
        wall: gives s since the epoch.
        ticks: gives the seconds of a clock that nobody sets.
        boot: names the run of the machine in which `ticks` count.
        floor: a time that is over for sure.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = machine_clock.ticks,
        boot: str = "",
        floor: float = 0.0,
    ) -> None:
        self._wall = wall
        self._ticks = ticks
        self._boot = boot
        self._floor = floor
        self._clock = HubClock()
        self._retention = RetentionClock()
        self.began = 0.0
        """The stamp of the start, in s since the epoch."""

    @classmethod
    def of_this_machine(cls) -> HubTime:
        return cls(boot=machine_clock.boot(), floor=machine_clock.floor())

    def begin(self, kept: Kept | None, *, last_at: float, trusted: bool = False) -> None:
        """Begin where the last hub ended; `trusted`: a person vouches for the machine's clock."""
        anchor = kept.anchor if kept else None
        wall, ticks = self._wall(), self._ticks()
        self._clock.begin(
            wall,
            ticks,
            boot=self._boot,
            anchor=anchor,
            last_at=last_at,
            floor=self._floor,
            trusted=trusted,
        )
        self.began = self._clock.now(wall, ticks)
        if kept:
            try:
                self._retention.load(kept.retention)
            except (KeyError, TypeError, ValueError):
                _log.warning("how long this hub has served is not known: retention begins anew")
        before = max(last_at, anchor.at if anchor else 0.0)
        if before:
            self._retention.leap(self.began - before)
        if trusted:
            self._retention.trust()
        self._retention.look(ticks, believed=self.doubt is None)

    def now(self) -> float:
        """The stamp of this moment, in s since the epoch. It goes back only by a step."""
        return self._clock.now(self._wall(), self._ticks())

    def due(self, keep: float) -> float:
        """The time by which what is kept for `keep` days is judged (`fleet.store.retention`)."""
        return self._retention.time_for(keep, self.now())

    @property
    def doubt(self) -> Doubt | None:
        """Why the machine's clock is not believed; None where it is."""
        return self._clock.doubt

    @property
    def error(self) -> float | None:
        """Seconds that stamps are ahead of the time that most agents agree on; None: not known."""
        return self._clock.error

    @property
    def listens(self) -> bool:
        """Whether the agents' clocks are to be told to `hear`."""
        return self._clock.listens

    def off(self) -> float:
        """Seconds that the machine's clock is ahead of what the hub goes by."""
        return self._clock.off(self._wall(), self._ticks())

    def hear(self, agent: str, ts: float) -> None:
        """What an agent's clock shows (s since the epoch), as a message says that came just now."""
        self._clock.hear(agent, ts, self._ticks())

    def judge(self, *, settled: bool, skews: Collection[float]) -> Step | None:
        """Weigh the witnesses; a step where the machine's clock is believed again."""
        ticks = self._ticks()
        step = self._clock.judge(
            self._wall(),
            ticks,
            settled=settled,
            synchronised=machine_clock.synchronised(),
            skews=skews,
        )
        if step is not None:
            self._retention.leap(step.by)
        self._retention.look(ticks, believed=self.doubt is None)
        return step

    def kept(self) -> Kept:
        """What the next hub on this home is to begin with."""
        anchor = self._clock.anchor(self._wall(), self._ticks(), self._boot)
        return Kept(anchor, self._retention.dump())
