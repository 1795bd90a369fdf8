"""When so many agents fall silent at once that the broker is suspected."""

from __future__ import annotations

import pytest

from fleet.domain.enrolment import Enrolment
from fleet.domain.failover.fleet_silence import LEAST, REMEMBERED, WINDOW, is_in_doubt
from fleet.domain.failover.signs import SILENT
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict
from tests.support.telemetry import NOON, Story, status


@pytest.mark.parametrize(
    ("silences", "enrolled", "doubted"),
    [
        ([], 0, False),
        ([0.0], 1, False),  # one is itself the trouble, however small the fleet
        ([0.0] * LEAST, LEAST, True),
        ([0.0] * 3, 10, False),
        ([0.0] * 4, 10, True),
        ([0.0, 0.0, 0.0, WINDOW], 10, True),
        ([0.0, 0.0, 0.0, WINDOW + 1], 10, False),
        ([-3 * WINDOW, -2 * WINDOW, 0.0, 0.0, 0.0, 1.0], 10, True),
        ([-REMEMBERED - 1] * 10, 10, False),  # a broker would have been mended
    ],
)
def test_more_than_three_in_ten_within_a_minute(
    silences: list[float], enrolled: int, doubted: bool
) -> None:
    assert is_in_doubt([NOON + at for at in silences], enrolled, NOON + 2) is doubted


def test_the_roster_knows_since_when_who_is_silent_and_did_not_say_goodbye() -> None:
    roster = Roster(interval=10)
    ada, bob, cai = (Story(roster, name) for name in ("ada", "bob", "cai"))
    for one in (ada, bob, cai):
        one.hears(status(boot=5, seq=0))
    ada.hears(status("offline", boot=5, seq=1))  # a goodbye
    bob.hears(status("offline", boot=5))  # a last will
    assert roster.silences(SILENT) == ([roster.view("bob", NOON).since], 3)
    roster.enrol({"ada": Enrolment(), "cai": Enrolment()}, at=NOON)
    assert roster.silences(SILENT) == ([], 2)
    assert roster.silences({Verdict.OK}) == ([roster.view("cai", NOON).since], 2)
