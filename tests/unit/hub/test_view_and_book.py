"""What fires of an agent by the view of it, fires in the alert book, as badly and since the same
moment: whatever is heard, and whenever a hub loses its link, ends, or the list changes.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.story_of_hubs import KILLED, Act, World, beats, first_disagreement
from tests.support.telemetry import NOON

NAMES = ("ada", "bob", "cyd")

names = st.sampled_from(NAMES)
checks = st.dictionaries(
    st.sampled_from(["process", "work", "memory"]), st.sampled_from(["pass", "fail"]), min_size=1
)
CODES = ("restart-loop", "disk-pressure", "work-stalled")
ONE, TWO = ("sha256:" + digit * 64 for digit in "12")


def fields(**optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


said = st.one_of(
    st.tuples(
        st.just("heartbeat"),
        st.builds(
            lambda ok, more: {"ok": ok, **more},
            st.booleans(),
            fields(checks=checks, alerts=st.lists(st.sampled_from(CODES), unique=True)),
        ),
    ),
    st.tuples(
        st.just("status"),
        st.builds(
            lambda state, more: {"state": state, **more},
            st.sampled_from(["running", "degraded", "offline", "offline"]),
            fields(checks=checks, config=st.sampled_from([ONE, TWO])),
        ),
    ),
    st.tuples(
        st.just("alert"),
        st.builds(
            lambda code, severity, state, more: {
                "code": code,
                "severity": severity,
                "state": state,
                **more,
            },
            st.sampled_from(CODES),
            st.sampled_from(["info", "warning", "critical"]),
            st.sampled_from(["firing", "firing", "resolved"]),
            fields(value=st.integers(1, 2)),
        ),
    ),
)
messages = st.builds(
    lambda agent, one, boot, number, past, retained: (
        "hear", agent, *one, boot, number, past, retained
    ),
    st.sampled_from(["ada", "ada", "ada", *NAMES]),
    said,
    st.sampled_from([5, 5, 6, 7, None]),
    st.sampled_from([1, 1, 1, 1, 3, 0, -1, None]),
    st.sampled_from([0, 0, 0, 1, 9, 100, -60]),
    st.sampled_from([False, False, False, True]),
)  # fmt: skip
steps = st.sampled_from([1, 2, 3, 4, 5, 45, 600])
ends = st.sampled_from(["killed", "stopped", "followed"])
acts = st.one_of(
    messages,
    messages,
    messages,
    messages,
    st.tuples(st.just("wait"), steps),
    st.tuples(st.just("wait"), steps),
    st.tuples(st.just("lose"), st.integers(0, 5)),
    st.tuples(st.just("link")),
    st.tuples(st.just("listen")),
    st.tuples(st.just("look")),
    st.tuples(st.just("read")),
    st.tuples(
        st.just("enrol"), st.none() | st.dictionaries(names, st.sampled_from(["red", "blue"]))
    ),
    st.tuples(
        st.just("end"), st.sampled_from(["killed", "stopped", "followed"]), st.integers(0, 5)
    ),
    st.tuples(st.just("err"), st.sampled_from([0.0, 60.0, None])),
    st.tuples(st.just("acknowledge"), names, st.sampled_from(["config-drift", "agent-ghost"])),
    st.tuples(st.just("forget"), names),
    st.tuples(st.just("rename"), names, names),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(acts, min_size=10, max_size=40))
def test_what_fires_by_the_view_fires_in_the_book(story: list[Act]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(first_disagreement(story, Path(folder))) is None


def states(**more: Any) -> Act:
    return ("hear", "ada", "status", {"state": "running", **more}, 5, 1, 0, False)


WARNS = {"code": "restart-loop", "severity": "warning", "state": "firing"}
READ: Act = ("read",)
GHOST: list[Act] = [("enrol", {}), beats(), KILLED]
STORIES: dict[str, list[Act]] = {
    "unwell and late as the link is lost": [beats(ok=False), ("lose", 4), ("look",)],
    "a skew that is learnt while the hub's clock is wrong": [
        *(beats(), ("wait", 1), ("err", 60.0), beats()),
    ],
    "late, and killed before that is stored": [beats(), ("wait", 1), ("wait", 2), KILLED],
    "a ghost that is heard just before a kill": GHOST,
    "a ghost, after two more hubs": [*GHOST, ("listen",), beats(), KILLED, KILLED],
    "reads of who was late just before the link is lost": [
        *(beats(), READ, ("wait", 4), ("lose", 0), ("wait", 1), READ),
    ],
    "reads of who is a ghost since the link is lost": [
        *(beats(), ("wait", 1), ("wait", 2), ("lose", 0), ("wait", 1), ("enrol", {}), READ),
    ],
    "reads of who was unwell before anybody listened": [KILLED, beats(ok=False), READ],
    "reads of who was heard before it was a ghost": [beats(), ("wait", 2), ("enrol", {}), READ],
    "reads of who is late soon after the link was back": [
        *(beats(), ("lose", 0), READ, ("listen",), ("wait", 3), READ),
    ],
    "reads of who only raised an alert, and is a ghost no more": [
        ("hear", "ada", "alert", WARNS, 5, 1, 0, False),
        *(("wait", 1), ("enrol", {}), ("wait", 1), ("enrol", None), READ),
    ],
    "reads of who is late as the link is lost, by a clock that is wrong": [
        *(beats(), ("err", 60.0), ("lose", 4), READ),
    ],
    "reads of who is late after its drift was accepted": [
        *(states(config=ONE), states(config=TWO), READ),
        *(("acknowledge", "ada", "config-drift"), ("wait", 3), READ),
    ],
    "reads of who is a ghost since the last look": [
        *(beats(), READ, ("wait", 1), ("enrol", {}), READ),
    ],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_the_next_hub_and_one_that_reads_say_the_same(
    story: list[Act], tmp_path: Path
) -> None:
    assert await first_disagreement(story, tmp_path) is None


async def test_since_when_one_is_a_ghost_outlives_hubs(tmp_path: Path) -> None:
    world = World(tmp_path)
    for act in STORIES["a ghost, after two more hubs"]:
        await world.play(act)
    assert world.hub.roster.view("ada", world.fleet.at).since == NOON
