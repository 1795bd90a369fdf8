"""Alerts as the HTTP interface lists them: what fires, what is over a page at a time, and what
became of each at the routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from fleet.api.backend import AlertQuery, JsonObject
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import AlertState, HubAlertCode
from fleet.domain.alert import Alert
from fleet.notifier.delivery_log import LogEntry

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

Deliveries = Mapping[str, list[LogEntry]]
"""What became of alerts, by route."""

Place = tuple[float, str, str]


class AlertList:
    """The alerts of a running hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def page(
        self, wanted: AlertQuery, deliveries: Deliveries | None
    ) -> tuple[list[JsonObject], str | None]:
        """Worst first, then those over, the newest first; and the cursor of what follows.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        after = _place(wanted.cursor) if wanted.cursor else None
        firing = self._hub.committer.book.firing(wanted.agent) if after is None else []
        chosen = [alert for alert in firing if wanted.code in (None, alert.code)]
        more = False
        if wanted.history:
            over = iter(sorted((a for a in self._over(wanted) if _is_after(a, after)), key=_key))
            chosen += islice(over, wanted.limit)
            more = next(over, None) is not None
        told = _by_alert(deliveries) if deliveries is not None else None
        return [self._described(one, told) for one in chosen], _cursor(chosen[-1]) if more else None

    def _over(self, wanted: AlertQuery) -> Iterable[Alert]:
        for alert in self._hub.committer.book.alerts.values():
            if alert.stands or wanted.agent not in (None, alert.agent):
                continue
            if wanted.code in (None, alert.code):
                yield alert

    def _described(self, alert: Alert, told: _Told | None) -> JsonObject:
        hub = self._hub
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
    if agent and not is_agent_name(agent):
        raise ValueError("not a cursor of a list of alerts")
    return (-float(since), code, agent)
