"""What a further route is to be told since nobody acknowledged it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert, AlertGroup


def is_overdue(alert: Alert, route: str, after: float, severity: Severity, now: float) -> bool:
    """Whether it was told `after` seconds ago, matters as much as `severity`, is acknowledged by
    nobody, and `route` does not know of it. That it got worse is told to all first: it may be
    milder before anybody is, and no route is to know what the others do not."""
    known = alert.notified is AlertState.FIRING and alert.told_at is not None
    return (
        known
        and alert.is_known_as_bad
        and alert.stands
        and not alert.acknowledged_by
        and alert.severity.rank >= severity.rank
        and route not in alert.routes
        and now - (alert.told_at or 0.0) >= after
    )


def as_overdue(alert: Alert, now: float) -> Alert:
    """It, as a route is told of it that was not told when it began. One that flaps as at first: the
    message when it is told again is another one, and no other where it is to be told again now."""
    if not alert.flapping or alert.is_to_be_repeated(now):
        return alert.as_told
    return replace(alert.as_told, flaps=replace(alert.flaps, told_at=None))


def grouped(alerts: Iterable[Alert]) -> list[AlertGroup]:
    """Alerts that fire, by code and by whether they flap."""
    ordered = sorted(alerts, key=lambda alert: (alert.code, alert.flaps.news, alert.agent))
    groups = []
    for (code, flap), same in groupby(ordered, key=lambda alert: (alert.code, alert.flaps.news)):
        members = tuple(same)
        worst = max((alert.severity for alert in members), key=lambda severity: severity.rank)
        groups.append(AlertGroup(code, AlertState.FIRING, worst, members, flap))
    return groups
