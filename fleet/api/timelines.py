"""Agents' past at a glance: the last intervals, the share of time heard, one metric by hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.timestamps import timestamp
from fleet.domain.beat_bar import LENGTH, beat_bar
from fleet.domain.listening import GAP, Changes, Spans, share
from fleet.store.records import HOUR

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

WINDOWS: Final[Mapping[str, int]] = {"24h": 24, "7d": 7 * 24, "30d": 30 * 24}
"""Hours back for which the share of time is told."""

LOOK: Final = 2 * LENGTH
"""Bus heartbeats read of an agent: a health check adds one to an interval."""

METRIC_HOURS: Final = 48


async def of_several(
    own: Hub, hub_of: Callable[[str | None], Hub], agents: Sequence[str], metric: str | None
) -> dict[str, Any]:
    """`Timelines.of` where each agent may be of a site, and so of a hub, of its own."""
    asked: dict[Hub, list[str]] = {own: []}
    for name in agents:
        asked.setdefault(hub_of(name), []).append(name)
    told = [await Timelines(hub).of(names, metric) for hub, names in asked.items()]
    rows = {row["agent"]: row for one in told for row in one["agents"]}
    return {
        "agents": [rows[name] for name in dict.fromkeys(agents) if name in rows],
        "as_of": told[0]["as_of"],
    }


class Timelines:
    """Answers for a few names at once, whatever the fleet's size."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def of(self, agents: Sequence[str], metric: str | None) -> dict[str, Any]:
        store, now = self._hub.store.timelines, self._hub.committer.now()
        names = [name for name in dict.fromkeys(agents) if self._hub.roster.knows(name)]
        spans = await store.listened()
        if spans and now - GAP <= spans[-1][1] <= now:
            spans[-1] = spans[-1][0], now  # marks are made now and then
        listening = Spans(spans)
        beats = await store.beats(names, LOOK)
        verdicts = await store.verdicts(names, now - max(WINDOWS.values()) * HOUR)
        since = now - METRIC_HOURS * HOUR
        hours = await store.metric_hours(names, metric, since) if metric else {}
        told = [
            {
                "agent": name,
                "beats": beat_bar(beats.get(name, ()), listening, now),
                "heard": self._heard(verdicts.get(name, []), name, listening, now),
                "metric": [[timestamp(at), value] for at, value in hours.get(name, ())],
            }
            for name in names
        ]
        return {"agents": told, "as_of": timestamp(now)}

    def _heard(self, changes: Changes, name: str, listening: Spans, now: float) -> dict[str, Any]:
        """The verdict that holds was stored before what is stored reaches back to, where it is not
        among the changes."""
        view = self._hub.read_model.view(name, now)
        if not changes and view.since is not None:
            changes = [(view.since, view.state)]
        shares = {
            window: share(changes, listening, now - hours * HOUR, now)
            for window, hours in WINDOWS.items()
        }
        return {
            window: {"seconds": round(one.up), "known": round(one.known)}
            for window, one in shares.items()
        }
