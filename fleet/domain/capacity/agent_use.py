"""What one agent left and used, by the hour, as far back as forecasts look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fleet.domain.capacity.forecast import DAY, HOUR, KNOWN, Forecast
from fleet.domain.capacity.prices import MILLION, Price, price_at
from fleet.domain.capacity.quota import Used
from fleet.domain.capacity.room import of_room
from fleet.domain.capacity.series import Counter, Room
from fleet.domain.capacity.usage import Spent

LEFT, ALL = "_available_bytes", "_size_bytes"
"""Ends of the names of what is left of something, and of how much there is of it."""

INPUT, OUTPUT = "tokens_input_total", "tokens_output_total"
"""The counters of model calls."""

COUNTERS: Final = {INPUT: Used.TOKENS_INPUT, OUTPUT: Used.TOKENS_OUTPUT}

MAX_ROOMS: Final = 4
"""Things that can be full of one agent: sidecars know two, and a name is the agent's choice."""

STALE: Final = 2 * DAY
"""Seconds after which a metric that nobody sends any more is no metric of the agent's."""


@dataclass(slots=True)
class AgentUse:
    """One agent; `take` its hours in order, the newest also again."""

    rooms: dict[str, Room] = field(default_factory=dict)
    counters: dict[str, Counter] = field(default_factory=dict)

    def take(self, at: float, metrics: Mapping[str, Sequence[float]]) -> None:
        """The (least, greatest, last) values of the hour from `at` on (s since the epoch)."""
        hour = int(at // HOUR)
        for name, (low, high, last) in metrics.items():
            if name in COUNTERS:
                self.counters.setdefault(name, Counter()).take(hour, low, high, last)
            elif name.endswith(LEFT):
                room = self._room(name.removesuffix(LEFT))
                if room is not None:
                    room.put(hour, last)
            elif name.endswith(ALL):
                room = self._room(name.removesuffix(ALL))
                if room is not None:
                    room.total = last

    def _room(self, what: str) -> Room | None:
        if what not in self.rooms and len(self.rooms) >= MAX_ROOMS:
            return None
        return self.rooms.setdefault(what, Room())

    def room_forecasts(self, agent: str, now: float, *, firing: bool) -> list[Forecast]:
        """What becomes of its disk and memory; `firing`: somebody was told that one is low."""
        found = []
        for what, room in self.rooms.items():
            points = room.left.points()
            if points and now - points[-1].at < STALE:
                found.append(of_room(agent, what + LEFT, points, room.total, now, firing))
        return found

    def tally(self, now: float, live: Mapping[str, float], prices: Sequence[Price]) -> Tally | None:
        """What it used in which hour, where its counters stand at `live` now; None: it counts no
        tokens."""
        if not self.counters:
            return None
        tally = Tally()
        for name, counter in self.counters.items():
            each = dict(counter.each())
            if name in live:
                hour = int(now // HOUR)
                each[hour] = each.get(hour, 0.0) + counter.since_newest(live[name])
            tally.add(COUNTERS[name], each)
            tally.add(Used.TOKENS, each)
        firsts = [one.first for one in self.counters.values() if one.first is not None]
        tally.since = max(min(firsts, default=int(now // HOUR)) * HOUR, now - KNOWN)
        tally.points = max(one.points for one in self.counters.values())
        tally.price(prices)
        return tally


@dataclass(slots=True)
class Tally:
    """What one agent used, or several together, by the hour.

    Attributes:
        since: from when on it is known, s since the epoch; `points` are the hours measured.
        priced_since: from when on its cost is known; None: nobody said what tokens cost.
    """

    uses: dict[Used, dict[int, float]] = field(default_factory=dict)
    since: float = float("inf")
    points: int = 0
    priced_since: float | None = None

    def add(self, used: Used, each: Mapping[int, float]) -> None:
        found = self.uses.setdefault(used, {})
        for hour, value in each.items():
            found[hour] = found.get(hour, 0.0) + value

    def join(self, other: Tally) -> None:
        """Add what another one used; the cost is known where all have one."""
        first = self.points == 0
        for used, each in other.uses.items():
            self.add(used, each)
        self.since = min(self.since, other.since)
        self.points = max(self.points, other.points)
        if first:
            self.priced_since = other.priced_since
        elif self.priced_since is not None and other.priced_since is not None:
            self.priced_since = max(self.priced_since, other.priced_since)
        else:
            self.priced_since = None

    def price(self, prices: Sequence[Price]) -> None:
        """Say what its tokens cost."""
        if not prices:
            return
        self.priced_since = prices[0].begins
        cost = self.uses.setdefault(Used.COST, {})
        for used in (Used.TOKENS_INPUT, Used.TOKENS_OUTPUT):
            for hour, amount in self.uses.get(used, {}).items():
                price = price_at(prices, hour)
                if price is not None:
                    each = price.input if used is Used.TOKENS_INPUT else price.output
                    cost[hour] = cost.get(hour, 0.0) + amount * each / MILLION

    def spent(self, used: Used, now: float) -> Spent:
        """One of its uses by `now`, ready for sums."""
        use = self.uses.get(used, {})
        hours = sorted(use)
        since = self.since
        if used is Used.COST and self.priced_since is not None:
            since = max(since, self.priced_since)
        return Spent(hours, (use[hour] for hour in hours), since, self.points, now)

    def has_cost(self, begin: float) -> bool:
        """Whether all that was used from `begin` on has a price."""
        priced = self.priced_since
        if priced is None:
            return False
        return begin >= priced or not any(
            begin <= hour * HOUR < priced for hour, used in self.uses[Used.TOKENS].items() if used
        )
