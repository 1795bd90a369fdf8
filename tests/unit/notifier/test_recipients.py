"""A route that is not told of everything hears the end of what it was told, and of nothing else."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.notifier.duty import Duty
from fleet.notifier.recipients import part_for
from fleet.notifier.routes import Channel, Route

DAY = Route("day", Channel.WEBHOOK, duty=Duty(480, 1080, frozenset(range(7)), ZoneInfo("UTC")))
BOSS = Route("boss", Channel.WEBHOOK, after=900.0)
ALL = Route("all", Channel.WEBHOOK)
NOON, NIGHT = 12 * 3600.0, 23 * 3600.0


def group(state: AlertState, **routes: tuple[str, ...]) -> AlertGroup:
    alerts = tuple(
        Alert(name, "disk-pressure", Severity.CRITICAL, state, 0, routes=known)
        for name, known in routes.items()
    )
    return AlertGroup("disk-pressure", state, Severity.CRITICAL, alerts)


def agents(route: Route, told: AlertGroup, now: float) -> tuple[str, ...]:
    part = part_for(route, told, now)
    return part.agents if part else ()


def test_what_begins_goes_to_who_is_on_duty() -> None:
    fires = group(AlertState.FIRING, ada=(), bob=())
    assert agents(DAY, fires, NOON) == ("ada", "bob")
    assert agents(DAY, fires, NIGHT) == ()
    assert agents(BOSS, fires, NOON) == ()
    assert agents(ALL, fires, NIGHT) == ("ada", "bob")


def test_the_end_goes_to_whoever_was_told_of_it() -> None:
    over = group(AlertState.RESOLVED, ada=("day",), bob=("boss", "day"), cyd=())
    for now in (NOON, NIGHT):
        assert agents(DAY, over, now) == ("ada", "bob")
        assert agents(BOSS, over, now) == ("bob",)
        assert agents(ALL, over, now) == ("ada", "bob", "cyd")


def test_what_grows_worse_goes_to_whoever_knows_of_it_also_after_hours() -> None:
    worse = group(AlertState.FIRING, ada=("day",), bob=())
    assert agents(DAY, worse, NIGHT) == ("ada",)


def test_what_becomes_of_what_a_route_is_being_given_goes_to_it_in_that_episode() -> None:
    given = {("ada", "disk-pressure", 0), ("bob", "disk-pressure", 1)}
    for state in AlertState:
        part = part_for(DAY, group(state, ada=(), bob=()), NIGHT, given)
        assert part is not None
        assert part.agents == ("ada",)
