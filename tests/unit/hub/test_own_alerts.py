"""What the hub says of itself: once each, however often its cause shows."""

from __future__ import annotations

import logging

import pytest

from fleet.contract.vocabulary import AlertState, HubAlertCode
from fleet.hub.committer import HUB
from fleet.hub.own_alerts import DEAF, TWIN_HOLD, OwnAlerts
from tests.support.intake import Intake

DOWN, IS_DEAF = HubAlertCode.BROKER_DOWN, HubAlertCode.HUB_DEAF
TWICE = HubAlertCode.CREDENTIAL_USED_TWICE


class Link:
    """What a bus tells of its link's ends."""

    contested = replaced = False


class Told:
    """The alerts of a hub whose clock the test sets."""

    def __init__(self, intake: Intake) -> None:
        self.now = 1_000.0
        self.link = Link()
        self._committer = intake.committer
        self.alerts = OwnAlerts(intake.committer, self.link, lambda: self.now)  # type: ignore[arg-type]

    async def waits(self, seconds: float) -> None:
        self.now += seconds
        await self.alerts.look()

    @property
    def firing(self) -> set[str]:
        return {a.code for a in self._committer.book.firing() if a.agent == HUB}


@pytest.fixture
def told(intake: Intake) -> Told:
    return Told(intake)


async def test_a_hub_that_is_linked_and_stays_deaf_says_so_in_time(told: Told) -> None:
    await told.alerts.hears()
    for _ in range(int(DEAF / 10)):  # it stands still again and again
        told.alerts.stops_hearing()
        assert told.firing == set()
        await told.waits(10)
    assert told.firing == {IS_DEAF}
    await told.alerts.hears()
    assert told.firing == set()


async def test_a_hub_that_starts_is_deaf_from_its_start(told: Told) -> None:
    await told.waits(DEAF)
    assert told.firing == {IS_DEAF}


async def test_a_lost_link_is_the_culprit_and_not_the_hub(told: Told) -> None:
    await told.alerts.hears()
    await told.alerts.lost()
    await told.waits(10 * DEAF)
    assert told.firing == {DOWN}
    await told.alerts.linked()
    assert told.firing == set()
    await told.waits(0)
    assert told.firing == {IS_DEAF}  # linked again for a moment, and it has heard nothing yet
    await told.alerts.hears()
    assert told.firing == set()


async def test_another_hub_is_told_until_it_has_been_quiet_for_long(told: Told) -> None:
    told.link.contested = True
    await told.alerts.lost()
    assert told.firing == {DOWN, TWICE}
    told.link.contested = False
    await told.alerts.linked()
    await told.alerts.hears()
    await told.waits(TWIN_HOLD / 2)
    await told.alerts.lost()  # it looked again: one loss is a sign while the alert fires
    await told.alerts.linked()
    await told.alerts.hears()
    await told.waits(TWIN_HOLD - 1)
    assert told.firing == {TWICE}
    await told.waits(1)
    assert told.firing == set()


async def test_who_gave_way_goes_on_saying_so(told: Told) -> None:
    told.link.contested = told.link.replaced = True
    await told.alerts.lost()
    await told.waits(3 * TWIN_HOLD)
    assert told.firing == {DOWN, TWICE}


def test_a_struggle_is_said_once_and_its_end_once(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    told.link.replaced = True
    for _ in range(50):
        assert told.alerts.gives_way("somebody else.")
    assert len(caplog.records) == 2
    assert "gives way" in caplog.text
    assert "Try: " in caplog.text


async def test_a_struggle_that_is_over_is_said(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    told.link.replaced = True
    assert told.alerts.gives_way("somebody else.")
    told.link.replaced = False
    assert not told.alerts.gives_way("somebody else.")
    for _ in range(3):
        await told.waits(1)
    assert caplog.text.count("to itself again") == 1


async def test_each_alert_is_one_however_often_its_cause_shows(told: Told, intake: Intake) -> None:
    for _ in range(20):
        await told.alerts.lost()
    rows = await intake.store._select("SELECT count(*) FROM event", ())
    assert rows[0][0] == 1
    assert AlertState.FIRING in {alert.state for alert in intake.committer.book.firing()}
