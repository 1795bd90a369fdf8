"""The hub's commander: keeps every command until its end, and delivers to whoever was away.

An agent that is away gets nothing: its commands wait here, in order of priority, and not in the
broker's queue, where they could neither be reordered nor withdrawn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from fleet.commander.answers import answer_of, concerns_commands, ends_of
from fleet.commander.over_broker import MAX_AGAIN
from fleet.contract.answer_fast_path import ReplyPart
from fleet.contract.errors import BrokerError
from fleet.contract.timestamps import timestamp, ulid, ulids
from fleet.contract.vocabulary import MessageKind, Priority, ReplyCode, Result, Verb
from fleet.domain.commands import CommandBook, CommandState, IssuedCommand, Step
from fleet.domain.events import Event, Fact
from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.verdict import Verdict
from fleet.hub.feed import Item, Subscription
from fleet.store.port import StoreUnavailableError
from fleet.store.records import StoredEvent, StoredMessage

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

_log = logging.getLogger(__name__)

ABSENT: Final = frozenset({Verdict.OFFLINE, Verdict.STALE})
"""Verdicts with which a command waits; anybody else is sent to at once."""

RETENTION: Final = 7 * 86_400.0
"""Seconds a command that has ended stays in the inbox: a week, as the design promises."""

LISTED: Final = 500
"""Commands an inbox shows at most."""

MAX_OPEN: Final = 100_000
"""Open commands in all: ten for each of 10,000 agents; beyond it new ones are refused."""

TICK: Final = 0.5
"""Seconds between looks at time; a command's life is counted in seconds."""

GATHER: Final = 0.1
"""Seconds between two looks at what became known, unless somebody asks: a fleet that answers is
told to who waits for it first, and its commands are ended together."""

AT_ONCE: Final = 200
"""Publishes in flight together: the broker's round trip must not add up over the fleet."""

DISTRUST: Final = frozenset({
    ReplyCode.UNSIGNED, ReplyCode.BAD_SIGNATURE, ReplyCode.UNKNOWN_KEY, ReplyCode.DATED_AHEAD,
    ReplyCode.OTHER_SESSION,
})  # fmt: skip
"""Codes by which a sidecar says that a command is forged, or played again."""

GIVEN_UP: Final = frozenset({CommandState.SILENT, CommandState.EXPIRED})

OnChange = Callable[[list[IssuedCommand]], None]
OnLatency = Callable[[float], None]


class TooManyOpenError(Exception):
    """More commands are open than the hub keeps."""


class Commander:
    """A service of the hub; `send`, `read` and `ack` are called by the API."""

    name = "commander"

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._book = CommandBook()
        self._loaded = asyncio.Event()
        self._subscription: Subscription | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._applying = asyncio.Lock()
        self._observers: list[OnChange] = []
        self.outcomes: dict[tuple[str, str], int] = {}
        """Commands by (verb, state) that have ended since the start."""
        self._again: dict[str, int] = {}
        self._latency_observers: list[OnLatency] = []
        hub.on_step.append(self._restamp)

    def observe(self, observer: OnChange) -> None:
        """Call `observer` with the commands that change, as many as do at once."""
        self._observers.append(observer)

    def observe_latency(self, observer: OnLatency) -> None:
        """Call `observer` with the seconds from sending to reply of each command."""
        self._latency_observers.append(observer)

    async def run(self) -> None:
        self._subscription = known = self._hub.feed.subscribe(MAX_OPEN, concerns_commands)
        try:
            await self._load()
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._tick(), name="commander-tick")
                while True:
                    await known.some()
                    await self._catch_up()
                    await asyncio.sleep(GATHER)
        finally:
            self._tasks = None
            known.close()

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
        if len(self._book) + len(commands) > MAX_OPEN:
            raise TooManyOpenError
        present = {
            agent for agent in {command.agent for command in commands} if self._is_present(agent)
        }
        await self._save([command for command in commands if command.agent not in present])
        await self._dispatch([one for one in commands if one.agent in present], to_all=broadcast)
        return commands

    async def inbox(self, agent: str | None, *, unread: bool, reading: bool) -> list[IssuedCommand]:
        """Commands for `agent` (None: all), oldest first; `reading` marks them as read."""
        await self._settled()
        now = self._hub.committer.now()
        waiting = [command for command in self._book.inbox(agent) if command.deadline > now]
        if reading:
            read = [command.step(Step.READ, now) for command in waiting]
            await self._save([new for new, old in zip(read, waiting, strict=True) if new != old])
            waiting = [old if unread else new for new, old in zip(read, waiting, strict=True)]
        if unread:
            return [command for command in waiting if command.open]
        ended = await self._hub.store.commands(agent=agent, since=now - RETENTION, limit=LISTED)
        known = {command.id: command for command in ended} | {
            command.id: command for command in waiting
        }
        return sorted(known.values(), key=lambda command: (command.created, command.id))[-LISTED:]

    async def ack(self, agent: str | None, command_id: str, result: Result) -> bool:
        """Record a result that came by HTTP; False if `agent` (None: anybody) has none such."""
        await self._settled()
        command = self._book.get(command_id)
        if command is None or agent not in (None, command.agent):
            return False
        await self._save([command.replied(result, None, None, self._hub.committer.now())])
        return True

    async def cancel(self, agent: str) -> int:
        """End every open command of an agent that is revoked; how many there were."""
        await self._settled()
        commands = self._book.of_agent(agent)
        now = self._hub.committer.now()
        await self._save(
            [command.replied(Result.REJECTED, None, None, now) for command in commands]
        )
        return len(commands)

    def __len__(self) -> int:
        return len(self._book)

    async def _load(self) -> None:
        now = self._hub.committer.now()
        store = self._hub.store
        since = now - RETENTION
        stored = await self._hub.committer.patience.until_taken(
            lambda: store.commands(agent=None, since=since, limit=MAX_OPEN)
        )
        # One of the future was made by a clock that was wrong: it lives no longer than one of now.
        self._book = CommandBook(replace(one, created=min(one.created, now)) for one in stored)
        patience = self._hub.committer.patience
        await self._save(await ends_of(list(self._book), store, patience))
        self._loaded.set()

    def _restamp(self, step: ClockStep) -> None:
        self._book.restamp(step)

    async def _settled(self) -> None:
        """Wait until what the hub has committed by now is known here; where the store takes
        nothing, as far as it is. What is begun for that goes on, also where nobody waits any more.
        """
        await self._loaded.wait()
        if self._tasks and not self._hub.counters.paused:
            await asyncio.wait({self._tasks.create_task(self._catch_up(), name="commander-asked")})

    async def _catch_up(self) -> None:
        async with self._applying:
            if self._subscription and (items := self._subscription.take()):
                await self._apply(items)

    async def _apply(self, items: list[Item]) -> None:
        """What became known at once is kept at once: a fleet that answers costs few commits."""
        ended: dict[str, IssuedCommand] = {}
        back: dict[str, None] = {}
        asked: list[tuple[IssuedCommand, int]] = []
        distrusted: list[tuple[StoredMessage, ReplyPart]] = []
        for item in items:
            if isinstance(item, StoredMessage):
                reply, boot = answer_of(item)
                command = self._book.asked(item.agent, reply.to) if reply else None
                if reply is None or command is None:
                    if reply and not item.retained and reply.code in DISTRUST:
                        distrusted.append((item, reply))
                elif boot is not None and self._may_ask_again(command, reply):
                    asked.append((command, boot))
                else:
                    ended[command.id] = self._replied(command, reply, item.at)
            elif isinstance(item, StoredEvent):
                back[item.event.agent] = None
        await self._save(list(ended.values()))
        if distrusted:
            await self._tell_of(distrusted)
        for command, boot in asked:
            topic = self._hub.topics.of(MessageKind.COMMAND, command.agent)
            await self._publish(topic, command, boot)
        now = self._hub.committer.now()
        present = [agent for agent in back if self._is_present(agent)]
        await self._dispatch([one for agent in present for one in self._book.waiting(agent, now)])

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

    async def _tell_of(self, refusals: list[tuple[StoredMessage, ReplyPart]]) -> None:
        """Say which commands were refused that are not ours, or had their answer before. One that
        was given up may have waited at the broker for a session that came too late."""
        told: list[Event] = []
        for item, reply in refusals:
            wire, code, since = reply.to, str(reply.code), item.at - RETENTION
            asked = partial(self._hub.store.commands, agent=item.agent, since=since, limit=MAX_OPEN)
            sent = await self._hub.committer.patience.until_taken(asked)
            if not any(one.wire == wire and one.state in GIVEN_UP for one in sent):
                told.append(Event(Fact.COMMAND_REFUSED, item.agent, item.at, code, id=wire or ""))
                _log.warning("%s refused a command that is not the hub's: %s", item.agent, code)
        if told:
            await self._hub.committer.write(told)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = self._hub.committer.now()
            over = self._book.over(now)
            if over:
                await self._save(over)
            if self._hub.counters.link_up:  # this is only for what a lost link left behind
                left = (
                    one for one in self._book if one.sent is None and self._is_present(one.agent)
                )
                await self._dispatch(list(islice(left, AT_ONCE)))

    async def _dispatch(self, commands: list[IssuedCommand], *, to_all: bool = False) -> None:
        """Publish commands, `to_all` as the one message they share; if the link is down they stay
        queued."""
        if not commands:
            return
        now = self._hub.committer.now()
        # Before the publish: its reply may come at once.
        await self._save([command.step(Step.SEND, now) for command in commands])
        if to_all:
            sent = await self._publish(self._hub.topics.broadcast, commands[0])
            await self._save([] if sent else commands)
            return
        for start in range(0, len(commands), AT_ONCE):
            some = commands[start : start + AT_ONCE]
            topics = [self._hub.topics.of(MessageKind.COMMAND, command.agent) for command in some]
            boots = [self._hub.roster.view(command.agent, now).boot for command in some]
            sent_each = await asyncio.gather(*map(self._publish, topics, some, boots))
            await self._save([one for one, sent in zip(some, sent_each, strict=True) if not sent])

    async def _publish(self, topic: str, command: IssuedCommand, boot: int | None = None) -> bool:
        """Put `command` on the bus, for session `boot` only; False if it did not get there."""
        message: dict[str, Any] = {
            "verb": command.verb.value,
            "id": command.wire,
            "ts": timestamp(command.created),
            "ttl": command.ttl,
            "priority": command.priority.value,
        }
        if boot is not None and self._hub.signs:
            message["boot"] = boot
        try:
            await self._hub.bus.publish(topic, self._hub.signed(topic, message))
        except BrokerError:
            return False
        return True

    async def _save(self, commands: list[IssuedCommand]) -> None:
        if not commands:
            return
        await self._hub.committer.patience.until_taken(
            lambda: self._hub.store.save_commands(commands)
        )
        for command in commands:
            known = self._book.get(command.id)
            self._book.save(command)
            if not command.open:
                self._again.pop(command.id, None)
            if known is not None and known.open and not command.open:
                key = (command.verb.value, command.state.value)
                self.outcomes[key] = self.outcomes.get(key, 0) + 1
        for observer in self._observers:
            observer(commands)

    def _is_present(self, agent: str) -> bool:
        return self._hub.roster.verdict(agent) not in ABSENT
