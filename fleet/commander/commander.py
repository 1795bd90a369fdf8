"""The hub's commander: keeps every command until its end, and delivers to whoever was away.

An agent that is away gets nothing: its commands wait here, in order of priority, and not in the
broker's queue, where they could neither be reordered nor withdrawn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from fleet.commander.answers import answer_of, ends_of, is_answer, is_return
from fleet.commander.given_up import GivenUp
from fleet.commander.kept import KeptCommands, OnChange
from fleet.commander.over_broker import MAX_AGAIN
from fleet.commander.refusals import DISTRUST, Refusal, Refusals
from fleet.commander.sending import Sending
from fleet.contract.answer_fast_path import ReplyPart
from fleet.contract.timestamps import ulid, ulids
from fleet.contract.vocabulary import Priority, ReplyCode, Result, Verb
from fleet.domain.commands import CommandBook, IssuedCommand, Step
from fleet.domain.hub_clock import Step as ClockStep
from fleet.hub.feed import Subscription
from fleet.store.port import StoreUnavailableError
from fleet.store.records import StoredEvent, StoredMessage

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

RETENTION: Final = 7 * 86_400.0
"""Seconds a command that has ended stays in the inbox: a week, as the design promises."""

LISTED: Final = 500
"""Commands an inbox shows at most."""

MAX_OPEN: Final = 100_000
"""Open commands in all: ten for each of 10,000 agents; beyond it new ones are refused."""

TICK: Final = 0.5
"""Seconds between looks at time; a command's life is counted in seconds."""

GATHER: Final = 0.1
"""Seconds between two looks at answers, unless somebody asks: a fleet that answers is told to who
waits for it first, and its commands are ended together. Who is back is sent to at once."""

ASKED: Final = 2.0
"""Seconds that who asks waits for answers to be taken in, where the store is slow."""

OnLatency = Callable[[float], None]


class TooManyOpenError(Exception):
    """More commands are open than the hub keeps."""


class Commander:
    """A service of the hub; `send`, `read` and `ack` are called by the API."""

    name = "commander"

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._kept = KeptCommands(hub)
        self._sending = Sending(hub, self._kept)
        self._loaded = asyncio.Event()
        self._subscription: Subscription | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._applying = asyncio.Lock()
        self.outcomes = self._kept.outcomes
        self._again: dict[str, int] = {}
        self.observe(self._forget_again)
        self._given_up = GivenUp()
        self._ended_by: set[int] = set()  # messages that the start has read already
        self._refusals = Refusals(hub.store, hub.committer.patience, RETENTION)
        self._latency_observers: list[OnLatency] = []
        hub.on_step.append(self._restamp)

    def observe(self, observer: OnChange) -> None:
        """Call `observer` with the commands that change, as many as do at once."""
        self._kept.observers.append(observer)

    def observe_latency(self, observer: OnLatency) -> None:
        """Call `observer` with the seconds from sending to reply of each command."""
        self._latency_observers.append(observer)

    async def run(self) -> None:
        self._subscription = answers = self._hub.feed.subscribe(MAX_OPEN, is_answer)
        returns = self._hub.feed.subscribe(MAX_OPEN, is_return)
        try:
            await self._load()
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._tick(), name="commander-tick")
                self._tasks.create_task(self._serve(returns), name="commander-returns")
                while True:
                    await answers.some()
                    await self._catch_up()
                    await asyncio.sleep(GATHER)
        finally:
            self._tasks = None
            answers.close()
            returns.close()

    async def send(
        self,
        verb: Verb,
        agents: Iterable[str],
        *,
        priority: Priority,
        ttl: int,
        by: str,
        reply_to: str | None = None,
        broadcast: bool = False,
    ) -> list[IssuedCommand]:
        """Queue `verb` for each agent and send it to those that are here; the commands.

        With `broadcast` one message carries it to all. Whoever is away gets it again on return,
        by the same id: where the broker has kept the first for it, a sidecar drops the second.

        Raises:
            TooManyOpenError: the hub keeps no more open commands.
            StoreUnavailableError: the store takes nothing at present, and nothing was sent.
        """
        if self._hub.counters.paused:  # who asks is to know now, and not to be served in an hour
            raise StoreUnavailableError("the store takes nothing at present")
        await self._loaded.wait()
        now = self._hub.committer.now()
        wire = ulid(now) if broadcast else None
        commands = [
            IssuedCommand(id_, agent, verb, priority, ttl, now, by, reply_to, broadcast=wire)
            for agent, id_ in zip(agents, ulids(now), strict=False)
        ]
        if len(self._kept.book) + len(commands) > MAX_OPEN:
            raise TooManyOpenError
        named = {command.agent for command in commands}
        present = {agent for agent in named if self._sending.is_present(agent)}
        # Kept as sent before the publish: its reply may come at once.
        kept = [one.step(Step.SEND, now) if one.agent in present else one for one in commands]
        await self._kept.add(kept)
        here = [one for one in kept if one.agent in present]
        await self._sending.publish(here, to_all=broadcast)
        return commands

    async def inbox(self, agent: str | None, *, unread: bool, reading: bool) -> list[IssuedCommand]:
        """Commands for `agent` (None: all), oldest first; `reading` marks them as read."""
        await self._settled()
        now = self._hub.committer.now()
        waiting = [one for one in self._kept.book.inbox(agent) if one.deadline > now]
        read = await self._kept.read(agent, now) if reading else []
        if unread:
            return waiting
        ended = await self._hub.store.commands(agent=agent, since=now - RETENTION, limit=LISTED)
        known = {one.id: one for one in (*waiting, *read, *ended)}  # the store's are newer
        return sorted(known.values(), key=lambda command: (command.created, command.id))[-LISTED:]

    async def ack(self, agent: str | None, command_id: str, result: Result) -> bool:
        """Record a result that came by HTTP; False if `agent` (None: anybody) has none such."""
        await self._settled()

        def own(book: CommandBook) -> list[IssuedCommand]:
            command = book.get(command_id)
            return [command] if command and agent in (None, command.agent) else []

        return bool(await self._kept.end(own, result, self._hub.committer.now()))

    async def cancel(self, agent: str) -> int:
        """End every open command of an agent that is revoked; how many there were."""
        await self._settled()
        now = self._hub.committer.now()
        ended = await self._kept.end(lambda book: book.of_agent(agent), Result.REJECTED, now)
        return len(ended)

    def __len__(self) -> int:
        return len(self._kept.book)

    async def _load(self) -> None:
        now = self._hub.committer.now()
        store = self._hub.store
        since = now - RETENTION
        stored = await self._hub.committer.patience.until_taken(
            lambda: store.commands(agent=None, since=since, limit=MAX_OPEN)
        )
        # One of the future was made by a clock that was wrong: it lives no longer than one of now.
        for one in stored:
            self._kept.book.save(replace(one, created=min(one.created, now)))
        patience = self._hub.committer.patience
        self._given_up.add(stored)
        ended, self._ended_by = await ends_of(list(self._kept.book), store, patience)
        await self._kept.change(lambda _: ended)
        self._sending.doubt()
        self._loaded.set()

    def _restamp(self, step: ClockStep) -> None:
        self._kept.restamp(step)
        self._given_up.clear()  # by stamps that no longer hold

    async def _settled(self) -> None:
        """Wait until what the hub has committed by now is known here; where the store takes
        nothing, as far as it is. What is begun for that goes on, also where nobody waits any more.
        """
        await self._loaded.wait()
        if self._tasks is None or self._hub.counters.paused:
            return
        catching_up = self._catch_up()
        try:
            task = self._tasks.create_task(catching_up, name="commander-asked")
        except RuntimeError:  # the group ends, and the hub with it: what is known is told
            catching_up.close()
            return
        await asyncio.wait({task}, timeout=ASKED)

    async def _catch_up(self) -> None:
        async with self._applying:
            await self._take_answers()

    async def _take_answers(self) -> None:
        if self._subscription and (items := self._subscription.take()):
            await self._apply([item for item in items if isinstance(item, StoredMessage)])

    async def _serve(self, returns: Subscription) -> None:
        """Send what waits to each agent that is back, at once: a one-shot soon leaves again."""
        async for items in returns.batches():
            back = dict.fromkeys(one.event.agent for one in items if isinstance(one, StoredEvent))
            await self._sending.dispatch(back)

    async def _apply(self, items: list[StoredMessage]) -> None:
        """What became known at once is kept at once: a fleet that answers costs few commits."""
        asked: dict[str, tuple[IssuedCommand, int]] = {}
        distrusted: list[Refusal] = []
        await self._kept.change(lambda _: self._ends(items, asked, distrusted))
        if told := await self._refusals.news(distrusted):
            await self._hub.committer.write(told)
        await self._sending.for_sessions(asked.values())

    def _ends(
        self,
        items: list[StoredMessage],
        asked: dict[str, tuple[IssuedCommand, int]],
        distrusted: list[Refusal],
    ) -> list[IssuedCommand]:
        """The commands that `items` end, as they do. What a sidecar wants signed for its session is
        put into `asked`, with that; what it refused and we do not wait for, into `distrusted`."""
        ended: dict[str, IssuedCommand] = {}
        for item in items:
            reply, boot = answer_of(item)
            if reply is None or item.id in self._ended_by:
                continue
            command = self._answered(item.agent, reply)
            if command is None or command.id in ended:
                if reply.code in DISTRUST:
                    distrusted.append(Refusal(item, reply.code, reply.to, boot))
            elif boot is not None and self._may_ask_again(command, reply):
                asked[command.id] = command, boot
            else:
                ended[command.id] = self._replied(command, reply, item.at)
        return list(ended.values())

    def _answered(self, agent: str, reply: ReplyPart) -> IssuedCommand | None:
        """The command that `reply` is about: an open one, or one that was given up too soon."""
        command = self._kept.book.asked(agent, reply.to)
        if command is None and reply.code not in DISTRUST:
            return self._given_up.take(agent, reply.to)
        return command

    def _may_ask_again(self, command: IssuedCommand, reply: ReplyPart) -> bool:
        """Whether a sidecar wants `command` signed for its session, and did not too often; that is
        counted."""
        if reply.code is not ReplyCode.OTHER_SESSION or self._again.get(command.id, 0) >= MAX_AGAIN:
            return False
        self._again[command.id] = self._again.get(command.id, 0) + 1
        return True

    def _replied(self, command: IssuedCommand, reply: ReplyPart, at: float) -> IssuedCommand:
        """`command` as it ends by the reply that came at `at`."""
        if command.sent is not None:
            for observer in self._latency_observers:
                observer(max(0.0, at - command.sent))
        return command.replied(reply.result, reply.code, reply.took, at)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self._end_overdue()
            await self._sending.look()

    async def _end_overdue(self) -> None:
        """End what had no answer in time; one that is committed by now is taken in before."""
        async with self._applying:
            now = self._hub.committer.now()
            await self._take_answers()
            self._given_up.add(await self._kept.change(lambda book: book.over(now)))

    def _forget_again(self, commands: list[IssuedCommand]) -> None:
        for command in commands:
            if not command.open:
                self._again.pop(command.id, None)
