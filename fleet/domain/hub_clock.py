"""What time it is for the hub. The machine's wall clock is a witness, not the truth.

Stamps follow the wall clock as long as it goes with the monotonic one. A jump, or a start far from
the last stamp, is doubted: stamps then go on by the monotonic clock alone, until the agents'
clocks, or time synchronisation where no agent speaks, say which is right. No vote moves the stamps
anywhere but to the machine's own clock: whoever forges `ts` can choose between two times at most.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import Word

TOLERANCE: Final = 5.0
"""Seconds that the wall clock may leave the monotonic one unasked: time synchronisation makes such
steps, and no verdict or time to live hangs on them."""

FAR: Final = 7 * 86_400.0
"""Seconds that a machine may have been off before its clock is asked for a second witness."""

AGREES: Final = 60.0
"""Seconds between an agent's `ts` and a time that it still speaks for: messages take their time."""

WAIT: Final = 5.0
"""Seconds of doubt before the wall clock may be believed: what waited at the broker comes first,
and is dated too early."""

SILENCE: Final = 15.0
"""Seconds of doubt in which no agent speaks, before time synchronisation alone is believed."""

SLEW: Final = 0.9
"""How fast stamps go while the wall clock is a little behind them, so that they never go back."""

MAX_WITNESSES: Final = 1_000
"""Agents that are asked: a majority of so many is one."""

OLD: Final = 10.0
"""Seconds after which an agent's later word counts even if it is dated earlier than the one before:
until then that was the one which had waited less."""

FEW: Final = 2
"""Agents that agree against a machine whose clock is synchronised, and still do not outvote it."""


class Doubt(Word):
    """Why the hub does not believe its machine's clock."""

    STARTED = "started", "at the start it was far from the last message"
    STEPPED = "stepped", "it jumped while the hub served"
    OUTVOTED = "outvoted", "the agents' clocks agree with one another, and not with it"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A stamp (s since the epoch), and what the monotonic clock showed then; `boot` names the run
    of the machine in which that clock counts, and is empty where nobody knows."""

    at: float
    ticks: float
    boot: str


@dataclass(frozen=True, slots=True)
class Step:
    """Stamps moved by `by` seconds, those that lie after `since`; the last one was `until`."""

    by: float
    since: float
    until: float

    def moved(self, at: float) -> float:
        """The time that the stamp `at` stands for now: never one in the future."""
        if at <= self.since or (self.by > 0 and at > self.until):
            return at
        return min(at, self.until) + self.by


@dataclass(slots=True)
class _Jump:
    """The wall clock is not where the stamps are."""

    why: Doubt
    at: float
    ticks: float


class HubClock:
    """Stamps, and whether the machine's clock is believed. `wall` is s since the epoch, `ticks` the
    monotonic clock in s; both are arguments."""

    def __init__(self) -> None:
        self._offset: float | None = None
        """Stamps minus ticks."""
        self._looked = 0.0
        self._jump: _Jump | None = None
        self._heard: dict[str, tuple[float, float]] = {}
        """By agent: its clock minus ticks, and when it said so."""
        self._outvoted = 0.0
        self._began = 0.0
        """The stamp of the start."""

    # What is known

    @property
    def doubt(self) -> Doubt | None:
        """Why the machine's clock is not believed; None where it is."""
        if self._jump is not None:
            return self._jump.why
        return Doubt.OUTVOTED if self._outvoted else None

    @property
    def listens(self) -> bool:
        """Whether the agents' clocks are to be told to `hear`."""
        return self._jump is not None

    @property
    def error(self) -> float | None:
        """Seconds that stamps are ahead of the time that most agents agree on; None: not known."""
        return None if self._jump else self._outvoted

    def off(self, wall: float, ticks: float) -> float:
        """Seconds that the wall clock is ahead of what the hub goes by."""
        if self._jump is None:
            return self._outvoted
        return wall - self._stamp(wall, ticks)

    # Time

    def begin(
        self,
        wall: float,
        ticks: float,
        *,
        boot: str = "",
        anchor: Anchor | None = None,
        last_at: float = 0.0,
        floor: float = 0.0,
        trusted: bool = False,
    ) -> None:
        """Begin where the last hub ended. `last_at` is the stamp of the last thing stored, `floor`
        a time that is over for sure; `trusted`: a person vouches for the wall clock."""
        self._jump, self._outvoted, self._looked = None, 0.0, ticks
        expected, low, high = _expected(anchor, last_at, ticks, boot)
        if not expected:
            expected, low, high = floor, floor - FAR, float("inf")
        if trusted or low <= wall <= high:
            start = wall if trusted or not last_at else max(wall, min(expected, wall + TOLERANCE))
            self._offset, self._began = start - ticks, start
            return
        self._offset, self._began = expected - ticks, expected
        self._doubt(Doubt.STARTED, expected, ticks)

    def now(self, wall: float, ticks: float) -> float:
        """The stamp of this moment. It goes back only by a `Step`."""
        stamp = self._stamp(wall, ticks)
        ahead = wall - stamp
        passed, self._looked = ticks - self._looked, ticks
        if self._jump is None and abs(ahead) > TOLERANCE:
            # Where the agents say that it was wrong before, all stamps since the start were.
            self._doubt(Doubt.STEPPED, self._began if self._outvoted else stamp, ticks)
        elif self._jump is not None and abs(ahead) <= TOLERANCE:
            self._jump = None  # it is back where it was
        if self._jump is None:
            stamp += ahead if ahead >= 0 else max(ahead, (SLEW - 1) * max(0.0, passed))
            self._offset = stamp - ticks
        return stamp

    def anchor(self, wall: float, ticks: float, boot: str) -> Anchor:
        """What the next hub on this home is to begin with."""
        return Anchor(self._stamp(wall, ticks), ticks, boot)

    def _stamp(self, wall: float, ticks: float) -> float:
        if self._offset is None:
            self._offset, self._looked = wall - ticks, ticks
        return self._offset + ticks

    # Witnesses

    def hear(self, agent: str, ts: float, ticks: float) -> None:
        """What an agent's clock shows, as a message says that came just now."""
        offset = ts - ticks
        known = self._heard.get(agent)
        if known is None and len(self._heard) >= MAX_WITNESSES:
            return
        if known is None or offset > known[0] or ticks - known[1] > OLD:
            self._heard[agent] = (offset, ticks)

    def judge(
        self,
        wall: float,
        ticks: float,
        *,
        settled: bool = True,
        synchronised: bool | None = None,
        skews: Collection[float] = (),
    ) -> Step | None:
        """Weigh the witnesses; a step where the wall clock is believed again.

        Args:
            settled: whether nothing waits at the broker that would be dated too early.
            synchronised: whether the machine keeps its clock by time synchronisation, if it says.
            skews: how far (s) stamps are ahead of the agents' clocks, where that is confirmed.
        """
        self.now(wall, ticks)
        if self._jump is None:
            self._outvoted = _common_error(skews, synchronised, before=self._outvoted)
            return None
        doubted = ticks - self._jump.ticks
        if self._heard:
            believed = settled and doubted >= WAIT and self._speak_for(wall, ticks)
        else:
            believed = synchronised is True and doubted >= SILENCE
        return self._adopt(wall, ticks, self._jump) if believed else None

    def _speak_for(self, wall: float, ticks: float) -> bool:
        """Whether more than half of the agents' clocks show what the wall clock does."""
        stamp, there = self._stamp(wall, ticks) - ticks, wall - ticks
        votes = sum(
            abs(offset - there) <= AGREES and abs(offset - there) < abs(offset - stamp)
            for offset, _ in self._heard.values()
        )
        return 2 * votes > len(self._heard)

    def _doubt(self, why: Doubt, at: float, ticks: float) -> None:
        self._jump = _Jump(why, at, ticks)
        self._heard.clear()

    def _adopt(self, wall: float, ticks: float, jump: _Jump) -> Step:
        """Stamps go to the wall clock. Ahead moves what was stamped in doubt. Back moves what would
        lie in the future, too: a clock stamped it that was wrong without anybody's knowing."""
        stamp = self._stamp(wall, ticks)
        by = wall - stamp
        self._offset, self._jump, self._outvoted = wall - ticks, None, 0.0
        self._heard.clear()
        return Step(by, jump.at if by > 0 else min(jump.at, wall), stamp)


def _expected(
    anchor: Anchor | None, last_at: float, ticks: float, boot: str
) -> tuple[float, float, float]:
    """What the wall clock should show at a start, and between which times it is believed: nearly
    to the second where the machine has run since, else not before the last stamp."""
    if anchor is not None and boot and anchor.boot == boot and ticks >= anchor.ticks:
        expected = anchor.at + ticks - anchor.ticks
        if last_at <= expected + TOLERANCE:
            return expected, expected - TOLERANCE, expected + TOLERANCE
    expected = max(last_at, anchor.at if anchor else 0.0)
    return expected, expected - TOLERANCE, expected + FAR


def _common_error(skews: Collection[float], synchronised: bool | None, *, before: float) -> float:
    """By how much most agents say that the hub is off; 0 where they do not. Hysteresis as for the
    agents' own clocks, so that a clock at the edge does not flap."""
    if len(skews) < FEW + bool(synchronised):
        return 0.0
    middle = sorted(skews)[(len(skews) - 1) // 2]
    agreeing = sum(abs(skew - middle) <= TOLERANCE for skew in skews)
    bound = TOLERANCE / 2 if before else TOLERANCE
    return middle if 2 * agreeing > len(skews) and abs(middle) > bound else 0.0
