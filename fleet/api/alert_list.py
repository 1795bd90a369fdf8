"""Alerts as the HTTP interface lists them: what fires, what is over a page at a time, and what
became of each at the routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from fleet.api.agent_lists import Shown
from fleet.api.backend import AlertQuery, JsonObject
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import AlertState, HubAlertCode
from fleet.domain.alert import Alert
from fleet.hub.committer import HUB
from fleet.notifier.delivery_log import LogEntry
from fleet.store.sites import SUBJECT

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

Deliveries = Mapping[str, list[LogEntry]]
"""What became of alerts, by route."""

Place = tuple[float, str, str]


class AlertList:
    """The alerts of a running hub, and of the other sites' hubs."""

    def __init__(self, shown: Callable[[], Sequence[Shown]]) -> None:
        self._shown = shown

    def page(
        self, wanted: AlertQuery, deliveries: Deliveries | None
    ) -> tuple[list[JsonObject], str | None]:
        """Worst first, then those over, the newest first; and the cursor of what follows.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        after = _place(wanted.cursor) if wanted.cursor else None
        shown = self._shown()
        chosen: list[tuple[Alert, str, Hub]] = []
        for one in shown if after is None else ():
            firing = one.hub.committer.book.firing(wanted.agent)
            chosen += [(a, one.site, one.hub) for a in firing if _is_wanted(a, wanted, one)]
        more = False
        if wanted.history:
            every = (place for place in _over(wanted, shown) if _is_after(place[0], after))
            over = iter(sorted(every, key=lambda place: _key(place[0])))
            chosen += islice(over, wanted.limit)
            more = next(over, None) is not None
        told = _by_alert(deliveries) if deliveries is not None else None
        rows = [
            self._described(one, hub, None if site else told) | ({"site": site} if site else {})
            for one, site, hub in chosen
        ]
        return rows, _cursor(chosen[-1][0]) if more else None

    def _described(self, alert: Alert, hub: Hub, told: _Told | None) -> JsonObject:
        covering = [
            silence.until
            for silence in hub.committer.book.silences.values()
            if silence.covers(alert.agent, alert.code, alert.severity)
        ]
        degraded = alert.firing and alert.code == HubAlertCode.AGENT_DEGRADED
        threshold = hub.roster.threshold(alert.agent, alert.code) if alert.firing else None
        described = alert.as_dict() | {
            "threshold": threshold,
            "silenced": bool(covering),
            "silenced_until": timestamp(max(covering)) if covering else None,
            "planes": list(hub.roster.failing(alert.agent)) if degraded else [],
        }
        return described if told is None else described | {"told": _told_of(alert, told)}


def _is_wanted(alert: Alert, wanted: AlertQuery, of: Shown) -> bool:
    own = alert.agent == HUB or alert.agent.startswith(SUBJECT)
    return wanted.code in (None, alert.code) and (own or not of.alone)


def _over(wanted: AlertQuery, shown: Iterable[Shown]) -> Iterable[tuple[Alert, str, Hub]]:
    for one in shown:
        for alert in one.hub.committer.book.alerts.values():
            if alert.stands or wanted.agent not in (None, alert.agent):
                continue
            if _is_wanted(alert, wanted, one):
                yield alert, one.site, one.hub


_Told = dict[tuple[str, str], list[tuple[str, LogEntry]]]


def _by_alert(deliveries: Deliveries) -> _Told:
    found: _Told = {}
    for route, entries in deliveries.items():
        for entry in entries:
            found.setdefault((entry.agent, entry.code), []).append((route, entry))
    return found


def _told_of(alert: Alert, told: _Told) -> list[JsonObject]:
    """What is of this time that it fires, or fired; what was told of an earlier one is not."""
    routes: dict[str, dict[AlertState, LogEntry]] = {}
    for route, entry in told.get((alert.agent, alert.code), ()):
        routes.setdefault(route, {})[entry.state] = entry
    since = timestamp(alert.told_since)
    found = []
    for route, entries in routes.items():
        fired, over = entries.get(AlertState.FIRING), entries.get(AlertState.RESOLVED)
        if over is not None and over.since != since:
            if fired is not None and over.since > fired.since:
                fired = None  # it ended before
            over = None
        if alert.stands and fired is not None and fired.since != since:
            fired = None
        shown = (fired, None if alert.stands else over)
        found += [{"route": route} | one.as_dict() for one in shown if one is not None]
    return found


def _key(alert: Alert) -> Place:
    return (-alert.since, alert.code, alert.agent)


def _is_after(alert: Alert, place: Place | None) -> bool:
    return place is None or _key(alert) > place


def _cursor(alert: Alert) -> str:
    return f"{alert.since!r}_{alert.code}_{alert.agent}"


def _place(cursor: str) -> Place:
    """
    Raises:
        ValueError: it is not one of ours.
    """
    since, code, agent = cursor.split("_")
    if agent and not is_agent_name(agent.removeprefix(SUBJECT)):
        raise ValueError("not a cursor of a list of alerts")
    return (-float(since), code, agent)
