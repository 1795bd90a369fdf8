"""Forecasts of a fleet's room, from the hourly sums that a hub keeps: of the hub where one serves,
else from the store of this home."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from fleet.domain.forecast import KNOWN, Forecast, Point, of_room
from fleet.fleet_history import PAGE, FleetHistory, Span

LEFT, ALL = "_available_bytes", "_size_bytes"
"""Ends of the names of what is left of something, and of how much there is of it."""

STALE: Final = 2 * 86_400.0
"""Seconds after which a metric that nobody sends any more is no metric of the agent's."""


@dataclass(slots=True)
class _Room:
    """What is known of one thing that can be full."""

    points: list[Point] = field(default_factory=list)
    total: float | None = None


async def forecasts(past: FleetHistory, agent: str | None, now: float) -> list[Forecast]:
    """What becomes of each agent's disk and memory, the soonest end first; `now` is s since the
    epoch. It reads 35 days of hourly sums, of `agent` or of all.

    Raises:
        HubError: the hub is away, refuses, or is of another version.
    """
    rooms: dict[tuple[str, str], _Room] = defaultdict(_Room)
    span = Span(since=now - KNOWN, agent=agent, limit=PAGE)
    while True:
        hours, cursor = await past.hours(span)
        for hour in hours:
            at = datetime.fromisoformat(hour["hour"]).timestamp()
            _take(rooms, hour["agent"], at, hour["metrics"])
        if cursor is None:
            break
        span = replace(span, cursor=cursor)
    found = [
        of_room(name, what + LEFT, room.points, room.total, now)
        for (name, what), room in rooms.items()
        if room.points and now - room.points[-1].at < STALE
    ]
    return sorted(found, key=lambda one: (one.exhausts_at or float("inf"), one.agent, one.metric))


def _take(
    rooms: dict[tuple[str, str], _Room], agent: str, at: float, metrics: Mapping[str, Any]
) -> None:
    for name, values in metrics.items():
        if name.endswith(LEFT):
            rooms[agent, name.removesuffix(LEFT)].points.append(Point(at, values["last"]))
        elif name.endswith(ALL):
            rooms[agent, name.removesuffix(ALL)].total = values["last"]
