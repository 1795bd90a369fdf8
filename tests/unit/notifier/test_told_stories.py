"""Every beginning, growth and end is told once to each route, whenever the hub is killed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.domain.flapping import FlapNews
from tests.support.told_stories import STEPS, TICKS, Story

MINUTE = 60.0
FLAPS = "fire resolve fire resolve fire"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(tick=st.sampled_from(TICKS), steps=st.lists(st.sampled_from(STEPS), max_size=50))
def test_whatever_is_killed_when_each_route_tells_what_is_true_once(
    tick: float, steps: list[str]
) -> None:
    asyncio.run(Story(tick).told(steps))


@pytest.mark.parametrize(
    "steps",
    [
        "fire due store all all kill resolve",
        "fire due store all all on-duty kill resolve",
        "fire due store all all on-duty on-duty store due all store kill fire",
        "fire due store all all resolve due fire due store kill",
        "fire due store all all leave due store kill",
        "worse due fire all kill due worse all",
        "fire due resolve due store all kill",
        "fire due leave due store all all kill",
    ],
)
def test_what_changes_before_the_next_hub_looks_is_told(steps: str) -> None:
    """A hub is killed in the milliseconds after a route has something on its disk, and what comes
    next may be on its way there already."""
    tell(MINUTE, steps)


EVERYBODY = "all all on-duty store on-duty on-duty store"
"""What is published is on the disks of all routes but the one that is told later."""


def test_what_begins_anew_while_a_route_is_told_of_it_is_told_to_it_too() -> None:
    first = f"fire due store {EVERYBODY} hour look store later"
    tell(MINUTE, f"{first} resolve due store fire due store later")


@pytest.mark.parametrize(
    ("tick", "steps"),
    [
        # A route that is told later is told how bad it was, if it is milder by then.
        (60.0, "worse due minutes resolve fire fire-bob look worse"),
        # What begins anew does not overtake the end before it that waits for a slow disk.
        (700.0, "fire due look worse later leave later due fire due"),
        (2.0, "fire due minutes minutes look resolve later later due fire store due"),
        # Nor what settles that it flapped.
        (2.0, "fire resolve fire resolve fire due fire"),
        # A route has by two ways what is on its disk by neither.
        (700.0, "fire due fire all fire on-duty kill due look fire fire fire kill"),
        # What flaps is milder when the next hub tells it anew.
        (2.0, f"{FLAPS} due resolve-bob worse on-duty due fire kill due"),
        (2.0, "worse resolve worse resolve worse due fire worst kill due worse due"),
        # One gets worse after a kill, and the other of its group was as bad already.
        (700.0, "fire worse-bob due fire all kill worse"),
    ],
)
def test_what_a_search_found_is_told(tick: float, steps: str) -> None:
    tell(tick, steps)


@pytest.mark.parametrize(
    ("tick", "steps"),
    [
        # It was critical, and is a warning at its end.
        (700.0, "worse due fire resolve"),
        # It was told for the other one of its group.
        (700.0, "fire worse-bob due resolve"),
        (700.0, f"fire worse-bob due store {EVERYBODY} worst worst store kill resolve"),
        # Nobody was told that it got worse, or not this route, and it ends in a group with another.
        (60.0, "fire due worse leave"),
        (60.0, "worse due fire-bob due store resolve resolve-bob due"),
        (60.0, f"fire fire-bob due store {EVERYBODY} worse resolve due store all kill resolve-bob"),
    ],
)
def test_a_route_for_what_matters_hears_the_end_of_what_it_was_told_and_of_nothing_else(
    tick: float, steps: str
) -> None:
    tell(tick, steps)


@pytest.mark.parametrize(
    "steps",
    [
        "fire due worse-bob due",  # the route for what is critical was not told of ada
        "fire worse-bob due resolve-bob",  # it was, beside what was critical
        f"fire worse-bob due store {EVERYBODY} worst worst store kill resolve-bob",
        "worse due fire",  # ada was told as critical, and is a warning by now
        f"fire due store {EVERYBODY} worst worst store worse look store later later fire",
    ],
)
def test_each_route_says_again_what_stands_at_its_receiver_as_bad_as_it_was_told(
    steps: str,
) -> None:
    """Else it ends at Alertmanager while it fires, or stands there without an end."""
    tell(700.0, steps)


def test_no_end_overtakes_what_waits_for_its_note() -> None:
    """As where the store hangs, which keeps nothing back for long."""
    tell(20.0, f"{FLAPS} resolve due store {EVERYBODY} hour look due hang store")


def test_what_flaps_and_got_worse_before_a_kill_is_told_as_that_once() -> None:
    both_at_once = f"fire-bob due store {FLAPS} due worse due {EVERYBODY}"
    tell(10.0, f"{both_at_once} all kill due store {EVERYBODY}")


DUE = f"due store {EVERYBODY} worst worst store"
LATER = "look store later later store"


@pytest.mark.parametrize(
    ("times", "steps"),
    [
        (2, f"minutes minutes {LATER} hour resolve worse {DUE}"),
        # It is due again when that route is told of it first.
        (1, f"hour resolve worse {LATER} {DUE}"),
        (1, f"hour resolve worse {DUE} {LATER}"),
    ],
)
def test_what_flaps_is_told_again_also_to_who_was_told_of_it_later(times: int, steps: str) -> None:
    told = tell(2.0, f"worse resolve worse resolve worse {DUE} {steps} later later")
    assert [one.flap for one in told.disks["later"].heard["ada"]].count(FlapNews.FLAPS) == times


@pytest.mark.parametrize(
    "differs",
    ["leave-bob", "worse-bob", "resolve-bob fire-bob worse-bob", "worse worse-bob"],
)
def test_what_flaps_is_told_once_by_a_hub_that_puts_the_group_together_otherwise(
    differs: str,
) -> None:
    both = f"{FLAPS} fire-bob resolve-bob fire-bob resolve-bob fire-bob"
    tell(20.0, f"{both} due store all kill {differs} due store {EVERYBODY} {EVERYBODY}")


def tell(tick: float, words: str) -> Story:
    """A story of `ada`, if `bob` is not named; a route's name: its disk does something."""
    steps = []
    for word in words.split():
        what, _, whom = word.partition("-")
        if word in ("all", "on-duty", "later", "worst"):
            steps.append(f"disk {word}")
        elif what in ("fire", "worse", "resolve", "leave"):
            steps.append(f"{what} {whom or 'ada'}")
        else:
            steps.append(word)
    story = Story(tick)
    asyncio.run(story.told(steps))
    return story
