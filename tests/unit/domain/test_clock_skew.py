"""A wrong clock told apart from a message that waited."""

from __future__ import annotations

import random

import pytest

from fleet.contract.messages import Heartbeat
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.domain.clock_skew import confirmed, corrected, is_skewed
from fleet.domain.hub_clock import HubClock
from fleet.domain.roster import Roster
from tests.support.telemetry import NOON


@pytest.mark.parametrize("interval", [1, 10, 600])
def test_an_offset_that_stays_while_time_goes_on_is_a_skew(interval):
    assert confirmed(90.0, 1000 + interval, 90.1, 1000)


@pytest.mark.parametrize("interval", [1, 1.2, 10, 600])
def test_a_queue_that_drains_is_not_a_skew(interval):
    assert not confirmed(3600 - interval, 1000 + interval, 3600, 1000)


def test_a_hub_that_falls_behind_twice_blames_few_clocks_and_never_its_own():
    """Everybody speaks at once, ten minutes apart, and waits for its turn: by chance, or in the
    same order, in which neighbours wait as long as each other."""
    agents, took = range(4_000), 0.01
    chance = random.Random(5)
    first, second = (chance.sample(agents, len(agents)) for _ in range(2))
    blamed = sum(
        confirmed(took * two, 600, took * one, 0) and is_skewed(took * two, before=False)
        for one, two in zip(first, second, strict=True)
    )
    assert blamed < len(agents) / 5
    roster = Roster()
    for said, wait in ((NOON, 0.0), (NOON + 600, took), (NOON + 1200, took)):
        for turn, place in enumerate(agents if not wait else reversed(agents)):
            beat = Heartbeat(ok=True, ts=timestamp(said))
            heartbeat = Address(f"a{place}", MessageKind.HEARTBEAT)
            roster.observe(heartbeat, beat, at=said + wait * turn)
    clock = HubClock()
    clock.begin(NOON, 100.0, boot="", anchor=None, last_at=0.0, floor=0.0, trusted=False)
    clock.judge(NOON, 100.0, settled=True, synchronised=None, skews=roster.skews(NOON - 1))
    assert clock.error == 0.0


def test_two_messages_of_the_same_moment_confirm_nothing():
    assert not confirmed(90.0, 1000, 90.0, 1000)


@pytest.mark.parametrize(
    ("ts", "skew", "at", "moment"),
    [
        (100, None, 160, 100),
        (100, 30, 160, 130),
        (162, None, 160, 160),
        (190, -30, 160, 160),
        (190, None, 160, None),
    ],
)
def test_a_retained_time_is_corrected_and_never_in_the_future(ts, skew, at, moment):
    assert corrected(ts, skew, at) == moment


@pytest.mark.parametrize(
    ("skew", "before", "expected"),
    [
        (None, False, False),
        (4.9, False, False),
        (-5.1, False, True),
        (3, True, True),
        (2, True, False),
    ],
)
def test_a_clock_at_the_edge_does_not_flap(skew, before, expected):
    assert is_skewed(skew, before) is expected
