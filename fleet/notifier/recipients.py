"""Which alerts of a group one route is told: by its hours, and by what it was told before."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Final

from fleet.contract.vocabulary import AlertState
from fleet.domain.alert import Alert, AlertGroup
from fleet.notifier.routes import Route

Given = Container[tuple[str, str, int]]
"""Agent, code and episode of what a route was given, or is being given."""

NOTHING: Final[Given] = frozenset()


def episode_of(alert: Alert) -> tuple[str, str, int]:
    """What `Given` calls it."""
    return alert.agent, alert.code, alert.episode


def part_for(
    route: Route, group: AlertGroup, now: float, given: Given = NOTHING
) -> AlertGroup | None:
    """What `route` is told of `group` at `now` (s since the epoch); None: nothing. `given`: what it
    was given since `group` was made, or is being given while that is on its way.

    Who is told only at times, or only what nobody acknowledged, hears what becomes of that,
    whatever time it is then, and of nothing else.
    """
    if not route.chooses:
        return group
    fires = group.state is AlertState.FIRING
    told = tuple(
        alert
        for alert in group.alerts
        if alert.may_be_known_to(route.name)
        or episode_of(alert) in given
        or (fires and not route.after and route.is_on_duty(now))
    )
    if not told:
        return None
    worst = max((alert.severity for alert in told), key=lambda severity: severity.rank)
    return replace(group, alerts=told, severity=worst)
