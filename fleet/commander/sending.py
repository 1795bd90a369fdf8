"""Sends the commands that are kept: at once, when their agent is back, or once more after a start.

What is sent is kept as sent before it is published, as its reply may come at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice, repeat
from typing import TYPE_CHECKING, Final

from fleet.commander.kept import KeptCommands
from fleet.commander.publishing import publish
from fleet.contract.vocabulary import MessageKind
from fleet.domain.commands import CommandState, IssuedCommand, in_order
from fleet.domain.verdict import Verdict

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

ABSENT: Final = frozenset({Verdict.OFFLINE, Verdict.STALE})
"""Verdicts with which a command waits; anybody else is sent to at once."""

AT_ONCE: Final = 200
"""Publishes in flight together: the broker's round trip must not add up over the fleet."""


class Sending:
    """Publishes what is in `kept`."""

    def __init__(self, hub: Hub, kept: KeptCommands) -> None:
        self._hub = hub
        self._kept = kept
        self._unsure: list[str] = []

    def is_present(self, agent: str) -> bool:
        return self._hub.roster.verdict(agent) not in ABSENT

    def doubt(self) -> None:
        """What is kept as sent was so by a process that may have died before it did."""
        self._unsure = [one.id for one in self._kept.book if one.state is CommandState.SENT]

    async def dispatch(self, agents: Iterable[str]) -> None:
        """Send what waits for those of `agents` that are here."""
        here = [agent for agent in agents if self.is_present(agent)]
        await self.publish(await self._kept.send(here))

    async def look(self) -> None:
        """Send what was left behind."""
        if self._hub.counters.link_up:
            await self._send_again()
            queued = (one for one in self._kept.book if one.state is CommandState.QUEUED)
            left = (one.agent for one in queued if self.is_present(one.agent))
            await self.dispatch(dict.fromkeys(islice(left, AT_ONCE)))

    async def for_sessions(self, asked: Iterable[tuple[IssuedCommand, int]]) -> None:
        """Publish commands once more, each for the session that wants it signed."""
        for command, boot in asked:
            if self._kept.book.get(command.id) is not None:  # it may have ended meanwhile
                topic = self._hub.topics.of(MessageKind.COMMAND, command.agent)
                await publish(self._hub, topic, command, boot)

    async def _send_again(self) -> None:
        """Publish what may not have left, once births and what waited at the broker are in: of what
        was answered there nothing is sent again. A sidecar drops what it had, by its id."""
        if self._unsure and self._hub.own_alerts.is_hearing:
            sent = self._still_sent(self._unsure)
            here = {one.id: one for one in sent if self.is_present(one.agent)}
            self._unsure = [one.id for one in sent if one.id not in here]
            await self.publish(in_order(here.values()))

    async def publish(self, commands: list[IssuedCommand], *, to_all: bool = False) -> None:
        """Publish commands, `to_all` as the one message they share; what does not leave, since the
        link is down or its time is over, is queued again."""
        hub = self._hub
        if to_all:
            timely = self._still_sent(one.id for one in commands)
            left = timely and await publish(hub, hub.topics.broadcast, timely[0])
            if commands and not left:
                await self._kept.queue_again(commands)
            return
        for start in range(0, len(commands), AT_ONCE):
            some = commands[start : start + AT_ONCE]
            timely, now = self._still_sent(one.id for one in some), hub.committer.now()
            topics = [hub.topics.of(MessageKind.COMMAND, command.agent) for command in timely]
            boots = [hub.roster.view(command.agent, now).boot for command in timely]
            sent_each = await asyncio.gather(*map(publish, repeat(hub), topics, timely, boots))
            gone = {one.id for one, sent in zip(timely, sent_each, strict=True) if sent}
            if unsent := [one for one in some if one.id not in gone]:
                await self._kept.queue_again(unsent)

    def _still_sent(self, ids: Iterable[str]) -> list[IssuedCommand]:
        """The commands of `ids` that are to be published yet, as they are kept by now: the store
        may have taken its time, and meanwhile they were answered or read, or their time ended."""
        now = self._hub.committer.now()
        kept = [known for id_ in ids if (known := self._kept.book.get(id_))]
        return [
            one for one in kept if one.state is CommandState.SENT and one.created + one.ttl > now
        ]
