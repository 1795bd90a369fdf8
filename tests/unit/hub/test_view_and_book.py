"""What fires of an agent by the view of it, fires in the alert book, as badly and since the same
moment: whatever is heard, and whenever a hub loses its link, ends, or the list changes.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.bus.port import Inbound
from fleet.contract.timestamps import timestamp
from fleet.domain.enrolment import Enrolment
from fleet.domain.events import Event, Fact
from fleet.domain.liveness import PRESENCE_CODES
from fleet.domain.verdict import Verdict
from fleet.hub.follower import Follower
from fleet.hub.hub import Hub
from tests.support.followed_hub import FollowedHub, begun, hears
from tests.support.telemetry import NOON

NAMES = ("ada", "bob", "cyd")
STEP = 7
"""Seconds in which all waits are counted: no window of the rules ends on a multiple of it, so that
all that time changes until a look at it is judged in it. The hub's own looks are one second apart,
and for so long a view, which is of now, may be ahead of the book."""

Act = tuple[Any, ...]


class World:
    """Agents that are heard by a hub that ends in the middle, and by the next ones."""

    def __init__(self, home: Path) -> None:
        self.fleet = FollowedHub(home)
        self.hub = self.fleet.leader
        following: Any = self.fleet
        self.reader = Follower(self.fleet.hub(), following)
        self.seqs: dict[tuple[str, int], int] = {}
        self.said: dict[tuple[str, int, int], tuple[str, dict[str, Any]]] = {}
        self.list: dict[str, Enrolment] | None = None

    async def play(self, act: Act) -> None:
        await getattr(self, act[0])(*act[1:])

    async def hear(
        self, agent: str, kind: str, said: dict[str, Any], boot: int | None, number: int | None,
        past: int, retained: bool,
    ) -> None:  # fmt: skip
        body = {"ts": timestamp(self.fleet.at - past), **said}
        topic = f"fleet/{agent}/{kind}"
        if boot is not None:
            body["boot"] = boot
        if boot is not None and number is not None:
            known = self.seqs.get((agent, boot), -1)
            body["seq"] = seq = max(0, known + number)
            self.seqs[agent, boot] = max(known, seq)
            # A number stands for one message: what has it already is heard again.
            topic, body = self.said.setdefault((agent, boot, seq), (topic, body))
        await hears(self.hub, Inbound(topic, json.dumps(body).encode(), 1, retained))

    async def wait(self, steps: int) -> None:
        self.fleet.at += steps * STEP
        await self.look()

    async def look(self) -> None:
        await self.hub.committer.write(self.hub.roster.tick(self.fleet.at))

    async def lose(self, steps: int) -> None:
        """The link is lost some time after the hub looked last."""
        self.fleet.at += steps * STEP
        self.hub.roster.stop_listening(self.fleet.at)
        await self.hub.own_alerts.lost()

    async def link(self) -> None:
        await self.hub.own_alerts.linked()
        events = self.hub.roster.resume_listening(self.fleet.at)
        await self.hub.committer.write(events)

    async def enrol(self, members: dict[str, str] | None) -> None:
        self.list = None if members is None else {
            name: Enrolment(labels={"group": group}) for name, group in members.items()
        }  # fmt: skip
        await self.judge_by_list()

    async def judge_by_list(self) -> None:
        events = self.hub.roster.enrol(self.list, at=self.fleet.at)
        await self.hub.committer.write(events)

    async def acknowledge(self, agent: str, code: str) -> None:
        await self.hub.committer.acknowledge(agent, code, "mia")

    async def err(self, error: float | None) -> None:
        events = self.hub.roster.know_clock_error(error, self.fleet.at)
        await self.hub.committer.write(events)

    async def forget(self, agent: str) -> None:
        self.hub.committer.forget(agent)
        gone = [Event(Fact.FORGOTTEN, agent, self.fleet.at)]
        await self.hub.committer.write(gone, save_all=True)

    async def rename(self, old: str, new: str) -> None:
        if old != new:
            events = self.hub.committer.rename(old, new)
            events.append(Event(Fact.FORGOTTEN, old, self.fleet.at, word=new))
            await self.hub.committer.write(events, save_all=True)

    async def read(self) -> Hub:
        """One that reads beside it takes up what is new."""
        await self.fleet.tell()
        while await self.reader.look() or self.reader._of is None:
            pass
        return self.reader._hub

    async def end(self, how: str, steps: int) -> None:
        """A hub ends, and another one begins some time after."""
        roster = None
        if how == "followed":
            await self.read()
            roster = await self.reader.caught_up()
        elif how == "stopped":
            await self.hub.committer.write(save_all=True)
        self.fleet.at += steps * STEP
        self.hub = self.fleet.leads(self.fleet.hub())
        if roster is not None:
            self.hub.leading.roster = roster
            following: Any = self.fleet
            self.reader = Follower(self.fleet.hub(), following)
        await begun(self.hub)
        if self.list is not None:
            self.hub.roster.know_list(self.list)
        await self.judge_by_list()


def disagreement(hub: Hub) -> Any:
    """Of whom view and book say different things, and what; None: of nobody."""
    roster, book, now = hub.roster, hub.committer.book, hub.committer.now()
    for name in sorted(roster.names() | {agent for agent, _ in book.alerts if agent}):
        view = roster.view(name, now)
        firing = {code: one for code, one in book.firing_of(name).items() if one.firing}
        of_book = {code: one.severity.value for code, one in firing.items()}
        of_view = {code: severity.value for code, severity in view.severities.items()}
        if of_view != of_book:
            return name, view.state.value, of_view, of_book
        presence = PRESENCE_CODES.get(view.state)
        if presence is not None and view.since != firing[presence].since:
            return name, presence.value, view.since, firing[presence].since
        state, codes, _ = roster.signs(name, now)
        if not (roster.verdict(name) is state is view.state and codes <= set(view.alerts)):
            return name, roster.verdict(name), state, view.state
    return None


async def first_disagreement(acts: Sequence[Act], home: Path) -> Any:
    world = World(home)
    for place, act in enumerate(acts):
        await world.play(act)
        found = disagreement(world.hub) or disagreement(world.reader._hub)
        if found:
            return place, act, found
    return None


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


@settings(max_examples=300, deadline=None)
@given(st.lists(acts, min_size=10, max_size=40))
def test_what_fires_by_the_view_fires_in_the_book(story: list[Act]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(first_disagreement(story, Path(folder))) is None


def beats(**more: Any) -> Act:
    return ("hear", "ada", "heartbeat", {"ok": True, **more}, 5, 1, 0, False)


def states(**more: Any) -> Act:
    return ("hear", "ada", "status", {"state": "running", **more}, 5, 1, 0, False)


WARNS = {"code": "restart-loop", "severity": "warning", "state": "firing"}
KILLED: Act = ("end", "killed", 1)
READ: Act = ("read",)
GHOST: list[Act] = [("enrol", {}), beats(), KILLED]
STORIES: dict[str, list[Act]] = {
    "unwell and late as the link is lost": [beats(ok=False), ("lose", 4), ("look",)],
    "a skew that is learnt while the hub's clock is wrong": [
        *(beats(), ("wait", 1), ("err", 60.0), beats()),
    ],
    "late, and killed before that is stored": [beats(), ("wait", 1), ("wait", 2), KILLED],
    "a ghost that is heard just before a kill": GHOST,
    "a ghost, after two more hubs": [*GHOST, ("link",), beats(), KILLED, KILLED],
    "reads of who was late just before the link is lost": [
        *(beats(), READ, ("wait", 4), ("lose", 0), ("wait", 1), READ),
    ],
    "reads of who is a ghost since the link is lost": [
        *(beats(), ("wait", 1), ("wait", 2), ("lose", 0), ("wait", 1), ("enrol", {}), READ),
    ],
    "reads of who was unwell before anybody listened": [KILLED, beats(ok=False), READ],
    "reads of who was heard before it was a ghost": [beats(), ("wait", 2), ("enrol", {}), READ],
    "reads of who is late soon after the link was back": [
        *(beats(), ("lose", 0), READ, ("link",), ("wait", 3), READ),
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


async def test_a_hub_that_ends_without_a_link_has_heard_nobody_since_it_lost_it(
    tmp_path: Path,
) -> None:
    """Whatever it stored meanwhile; or the next one would call everybody stale."""
    world = World(tmp_path)
    for act in (beats(), ("lose", 1), ("wait", 9), ("forget", "bob"), KILLED, KILLED, ("look",)):
        await world.play(act)
    assert world.hub.committer.book.firing("ada") == []
    assert world.hub.roster.verdict("ada") is Verdict.UNKNOWN
    await world.link()
    assert world.hub.roster.verdict("ada") is Verdict.STALE
