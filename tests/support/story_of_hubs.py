"""Stories of agents that are heard by hubs, one after the other: what happens, and what is to be
true then, of the last hub and of one that reads beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fleet.bus.port import Inbound
from fleet.contract.timestamps import timestamp
from fleet.domain.enrolment import Enrolment
from fleet.domain.events import Event, Fact
from fleet.domain.liveness import PRESENCE_CODES
from fleet.hub.follower import Follower
from fleet.hub.hub import Hub
from tests.support.followed_hub import FollowedHub, begun, hears

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
        self.deaf_since: float | None = None

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
        self.stops_hearing()
        self.hub.roster.stop_listening(self.fleet.at)
        await self.hub.own_alerts.lost()

    def stops_hearing(self) -> None:
        if self.deaf_since is None:
            self.deaf_since = self.fleet.at

    async def link(self) -> None:
        """The link is back; births and backlog are not in yet."""
        await self.hub.own_alerts.linked()

    async def listen(self) -> None:
        await self.link()
        self.deaf_since = None
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
        # Its numbers go on under the new name.
        self.seqs |= {(new, boot): seq for (name, boot), seq in self.seqs.items() if name == old}
        self.said |= {
            (new, boot, seq): (topic.replace(f"/{old}/", f"/{new}/"), body)
            for (name, boot, seq), (topic, body) in self.said.items()
            if name == old
        }
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
        self.stops_hearing()
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


def heard_nothing(world: World) -> Any:
    """Until when the hub holds silence against agents although nobody listened any more; None: no
    longer than somebody did."""
    stopped_at, _ = world.hub.roster.listening
    if world.deaf_since is None or (stopped_at or 0.0) <= world.deaf_since:
        return None
    return stopped_at, world.deaf_since


async def first_disagreement(acts: Sequence[Act], home: Path) -> Any:
    world = World(home)
    for place, act in enumerate(acts):
        await world.play(act)
        found = disagreement(world.hub) or disagreement(world.reader._hub) or heard_nothing(world)
        if found:
            return place, act, found
    return None


KILLED: Act = ("end", "killed", 1)


def beats(**more: Any) -> Act:
    return ("hear", "ada", "heartbeat", {"ok": True, **more}, 5, 1, 0, False)
