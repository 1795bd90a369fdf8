"""A route is told of each alert once, whoever puts the groups together."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.domain.flapping import STEADY, FlapNews, Flaps
from fleet.notifier.given_alerts import GivenAlerts
from fleet.notifier.notification import Notification

FIRING, RESOLVED = AlertState.FIRING, AlertState.RESOLVED


def group(names: Sequence[str], flaps: Flaps = STEADY, state: AlertState = FIRING) -> Notification:
    alerts = tuple(
        Alert(name, "disk-pressure", Severity.WARNING, state, 1e9, flaps=flaps) for name in names
    )
    return Notification.of(AlertGroup("disk-pressure", state, Severity.WARNING, alerts, flaps.news))


def news(given: GivenAlerts, of: Notification) -> list[str]:
    found = given.news(of)
    return [] if found is None else [member.agent for member in found.members]


def test_of_what_flaps_each_alert_is_news_once_and_again_when_it_is_repeated() -> None:
    given, flaps = GivenAlerts(), Flaps((1e9,), 1e9)
    assert news(given, group(["ada"])) == ["ada"]
    assert news(given, group(["ada"], flaps)) == ["ada"]
    assert news(given, group(["ada", "bob"], flaps)) == ["bob"]
    assert news(given, group(["bob"], flaps)) == []
    assert news(given, group(["ada", "bob"], Flaps((1e9,), 1e9, 2e9))) == ["ada", "bob"]


def test_that_it_settled_is_news_and_the_end_is_one_however_it_came() -> None:
    given, settled = GivenAlerts(), Flaps(told_at=2e9)
    assert group(["ada"], settled).flap is FlapNews.SETTLED
    assert news(given, group(["ada"])) == ["ada"]
    assert news(given, group(["ada"], settled)) == ["ada"]
    assert news(given, group(["ada"], settled, RESOLVED)) == ["ada"]
    assert news(given, group(["ada"], state=RESOLVED)) == []
