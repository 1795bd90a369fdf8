"""What is of interest comes in one message, each alert as it was last."""

from __future__ import annotations

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.notifier.digest import MOST, Digest
from fleet.notifier.notification import Notification


def told(agent: str, code: str, state: AlertState = AlertState.FIRING) -> Notification:
    alert = Alert(agent, code, Severity.INFO, state, 1e9)
    return Notification.of(AlertGroup(code, state, Severity.INFO, (alert,)))


def test_it_is_due_one_period_after_the_first_alert_in_it() -> None:
    digest = Digest(3600)
    assert digest.due_at is None
    digest.add(told("ada", "update-available"), 100)
    digest.add(told("bob", "update-available"), 900)
    assert digest.due_at == 3700
    message = digest.take()
    assert (message.title, digest.due_at, len(digest)) == (
        "digest (info): ada: update-available, bob: update-available",
        None,
        0,
    )


def test_of_each_alert_the_last_word_is_in_it() -> None:
    digest = Digest(3600)
    digest.add(told("ada", "update-available"), 100)
    digest.add(told("ada", "update-available", AlertState.RESOLVED), 200)
    assert digest.take().title == "digest (info): ada: update-available is over"


def test_it_is_bounded_and_survives_a_restart() -> None:
    digest = Digest(3600)
    dropped = sum(digest.add(told(f"a{n}", "idle-cost"), float(n)) for n in range(MOST + 5))
    again = Digest(3600).restored(digest.as_json())
    assert (dropped, len(again), again.due_at) == (5, MOST, 3600)
    assert again.take() == digest.take()
    assert Digest(3600).restored(None).due_at is None
