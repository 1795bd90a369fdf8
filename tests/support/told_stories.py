"""What the routes of a notifier tell that is led step by step: the alerts of two agents, a
store that takes something when it is let, and routes each with a disk of its own that does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby, takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from unittest.mock import patch

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain import flapping
from fleet.domain.alert import Alert, AlertGroup
from fleet.domain.alerts import AlertBook
from fleet.domain.flapping import FlapNews
from fleet.hub.counters import Counters
from fleet.hub.feed import Feed
from fleet.notifier import notifier as notifier_module
from fleet.notifier.duty import duty_of
from fleet.notifier.notification import Notification
from fleet.notifier.routes import Channel, Route
from fleet.store import row_mapping
from tests.support.led_notifier import Gate, LedNotifier, SlowRoute

T = TypeVar("T")

CODE: Final = "process-down"
AGENTS: Final = ("ada", "bob")
FIRING, RESOLVED = AlertState.FIRING, AlertState.RESOLVED
ALL = Route("all", Channel.WEBHOOK)
ON_DUTY = Route("on-duty", Channel.WEBHOOK, duty=duty_of("00:00-24:00", "", ""))
LATER = Route("later", Channel.WEBHOOK, after=600.0)
WORST = Route("worst", Channel.WEBHOOK, Severity.CRITICAL)
ROUTES: Final = (ALL, ON_DUTY, LATER, WORST)

STEPS: Final = (
    *(f"{what} {agent}" for what in ("fire", "worse", "resolve", "leave") for agent in AGENTS),
    *("minutes", "hour", "due", "store", "look", "kill"),
    *(f"disk {route.name}" for route in ROUTES),
)  # fmt: skip
TICKS: Final = (2.0, 60.0, 700.0)
"""Seconds that a step takes: a flap before anybody is told, one that is told, none."""


@dataclass(frozen=True)
class Told:
    """What a route told of one agent."""

    state: AlertState
    severity: Severity
    since: str
    flap: FlapNews
    at: float


@dataclass(frozen=True)
class Repeat:
    """That it flaps is to be told again to some routes, not before `at`."""

    since: str
    at: float
    routes: frozenset[str]

    def is_before(self, other: Told | Repeat) -> bool:
        return self.since == other.since and self.at <= other.at


class Disk:
    """What a route keeps; it tells what is kept, each message once by its id."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._text = ""
        self._known: set[str] = set()
        self.heard: dict[str, list[Told]] = {agent: [] for agent in AGENTS}

    def read(self, parse: Callable[[Any], T]) -> T | None:
        return parse(json.loads(self._text)) if self._text else None

    def write(self, text: str) -> None:
        self._text = text
        for message in map(Notification.from_json, json.loads(text)["waiting"]):
            if message.id in self._known:
                continue
            self._known.add(message.id)
            for one in message.members:
                told = Told(message.state, one.severity, one.since, message.flap, self._now())
                self.heard[one.agent].append(told)


class Story:
    """What is due is noted in the store, goes to each route, counts as told, and is stored as that:
    moments between each of which the hub may be killed, and alerts may begin, get worse and end.

    Attributes:
        repeats: each time it was to be told again that an alert flaps.
        clean: whether each kill met a hub of which everything was stored, and nothing on its way.
    """

    def __init__(self, tick: float = 60.0) -> None:
        self.tick = tick
        self.now = 0.0
        self.disks = {route.name: Disk(lambda: self.now) for route in ROUTES}
        self.stored: dict[tuple[str, str], Alert] = {}
        self.known: set[str] = set()
        self.repeats: dict[str, list[Repeat]] = {agent: [] for agent in AGENTS}
        self.clean = True
        self.book = AlertBook()

    async def told(self, steps: Iterable[str]) -> None:
        """It, and what holds once everybody had the time to tell."""
        await self._start()
        try:
            for step in steps:
                self.now += self.tick
                await self.take(step)
            await self._calm()
            await self._holds()
            before = self._count()
            await self.take("kill")
            await self._calm()
            await self._holds()
            assert self._count() == before, "nothing is told again by a hub that is started anew"
        finally:
            await self._end()

    async def take(self, step: str) -> None:
        what, _, whom = step.partition(" ")
        if what in ("fire", "worse"):
            self.known.add(whom)
            severity = Severity.CRITICAL if what == "worse" else Severity.WARNING
            self.book.fire(whom, CODE, severity, self.now)
            self._store()  # with the message that says it
        elif what == "resolve":
            self.book.resolve(whom, CODE, self.now)
            self._store()
        elif what == "leave":
            self.known.discard(whom)
            self.book.forget(whom, self.now)
            self._store()
        elif what in ("minutes", "hour"):
            self.now += 310.0 if what == "minutes" else 3600.0
        elif what == "due":
            self._look()
        elif what == "store":
            self._store()
        elif what == "hang":  # the store: no kill may follow before it takes something
            self._publish()
        elif what == "look":
            self.looks.let_all()
        elif what == "disk":
            self.gates[whom].let()
        elif what == "kill":
            await self._kill()
        await self._pass()

    async def _start(self) -> None:
        self.book = AlertBook.of(self.stored.values())
        self.book.forget_strangers(self.known, self.now)
        self.unnoted: list[AlertGroup] = []
        self.store_gate, self.looks = Gate(), Gate()
        self.gates = {route.name: Gate() for route in ROUTES}
        self.feed = Feed(Counters())

        async def noted() -> bool:
            await self.store_gate.turn()
            return True

        due = SimpleNamespace(
            has_routes=True, noted=noted, keep=lambda: None, told=self.book.settle
        )
        hub: Any = SimpleNamespace(
            settings=SimpleNamespace(home=Path("of-nobody"), tables={}),
            store=SimpleNamespace(leadership=None),
            roster=SimpleNamespace(knows=lambda _agent: True, failing=lambda _agent: ()),
            feed=self.feed,
            committer=SimpleNamespace(book=self.book, now=lambda: self.now),
            due_alerts=due,
        )

        def route(of: Route, folder: Path, attempt: Any, _kept: None, knows: Any) -> SlowRoute:
            made = SlowRoute(of, folder, attempt, self.disks[of.name], knows)
            made.gate = self.gates[of.name]
            return made

        with patch.object(notifier_module, "Delivery", route):
            self.notifying = LedNotifier(hub, ROUTES)
        self.notifying.looks = self.looks
        self.task = asyncio.create_task(self.notifying.run())
        await self._pass()

    async def _end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _pass(self) -> None:
        """Whatever can go on does."""
        for _ in range(25):
            await asyncio.sleep(0)

    def _store(self) -> None:
        for key in self.book.changed:
            kept = self.book.kept(key)
            if kept is None:
                self.stored.pop(key, None)
            else:
                self.stored[key] = row_mapping.alert(row_mapping.alert_row(kept))
        self.book.changed.clear()
        self._publish()
        self.store_gate.let_all()

    def _look(self) -> None:
        groups = self.book.due(self.now)
        for alert in (alert for group in groups for alert in group.alerts):
            told_at = alert.flaps.told_at
            is_known = alert.as_told.severity is alert.notified_severity
            if alert.flapping and alert.notified is FIRING and told_at is not None and is_known:
                knows = (r.name for r in ROUTES if not r.after or alert.may_be_known_to(r.name))
                since, at = timestamp(alert.told_since), told_at + flapping.REPEAT
                self.repeats[alert.agent].append(Repeat(since, at, frozenset(knows)))
        self.unnoted += groups

    def _publish(self) -> None:
        self.feed.publish(list(self.unnoted))
        self.unnoted.clear()

    async def _kill(self) -> None:
        self.clean = self.clean and not self._is_on_the_way()
        await self._end()
        await self._start()

    def _is_on_the_way(self) -> bool:
        gates = len(self.store_gate) + sum(map(len, self.gates.values()))
        return bool(self.unnoted or gates or self.book.changed or self.feed.backlog)

    async def _calm(self) -> None:
        for _ in range(5):
            self.now += 3600.0
            for step in ("due", "store", "look"):
                await self.take(step)
            while self._is_on_the_way():
                self._store()
                for gate in self.gates.values():
                    gate.let_all()
                await self._pass()

    def _count(self) -> int:
        return sum(len(told) for disk in self.disks.values() for told in disk.heard.values())

    async def _holds(self) -> None:
        repeated = await self.notifying.repeat()
        for route in ROUTES:
            for agent, heard in self.disks[route.name].heard.items():
                what = f"{route.name} {agent}: {heard}"
                self._is_true_of(route, agent, heard, what)
                severity, standing = repeated[route.name].get(agent), _standing(heard)
                assert bool(severity) is bool(standing), f"repeated: {severity}, {what}"
                # The end of the worse one may be lost with a kill; it ends by itself.
                assert severity is standing or not self.clean, f"repeated: {severity}, {what}"

    def _is_true_of(self, route: Route, agent: str, heard: list[Told], what: str) -> None:
        alert = self.book.alerts.get((agent, CODE))
        if alert is None or not alert.firing:
            assert [one.state for one in heard[-1:]] in ([], [RESOLVED]), what
        elif route.wants(alert.severity):
            assert heard, f"{agent} fires"
            standing = _standing(heard)
            assert standing is not None, what
            assert standing.rank >= alert.severity.rank, what
        for number, one in enumerate(heard):
            same = sum(_says_all_of(before, one) for before in heard[:number])
            often = len(self.repeats[agent]) if _is_flapping(one) else 0
            assert same <= often, f"twice: {what}"
        if self.clean:
            flapping_then = [one for one in heard if _is_flapping(one)]
            due = [one for one in self.repeats[agent] if route.name in one.routes]
            for first in due:
                often = sum(map(first.is_before, flapping_then))
                assert often >= sum(map(first.is_before, due)), f"lost {first}: {what}"
            in_turn = [state for state, _ in groupby(one.state for one in heard)]
            turns = [FIRING, RESOLVED] * len(heard)
            assert in_turn == turns[: len(in_turn)], f"no end but of what was told: {what}"


def _standing(heard: list[Told]) -> Severity | None:
    """As how bad it stands at a receiver; None: it does not."""
    since_the_end = takewhile(lambda one: one.state is FIRING, reversed(heard))
    return max((one.severity for one in since_the_end), key=lambda it: it.rank, default=None)


def _is_flapping(one: Told) -> bool:
    return one.flap is FlapNews.FLAPS


def _says_all_of(before: Told, one: Told) -> bool:
    """Whether `one` says nothing that `before` did not."""
    said = before.state, before.since, _is_flapping(before)
    if said != (one.state, one.since, _is_flapping(one)):
        return False
    return one.state is RESOLVED or one.severity.rank <= before.severity.rank
