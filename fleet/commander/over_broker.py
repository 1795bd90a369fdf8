"""Send one verb and gather the replies, straight over the broker.

What `fleet command` does where no hub runs, and what the demo and one-shot collection use. It
keeps nothing: an agent that is away hears nothing, and that is reported as silence.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleet.bus.port import Bus, Inbound
from fleet.contract.limits import DEFAULT_TTL
from fleet.contract.messages import Status
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind, Priority, ReplyCode, Result, State, Verb
from fleet.retained import retained_state

Sign = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""Adds `sig` and `kid` to a message for a topic; what `fleet.contract.signing.sign` does."""


MAX_AGAIN: Final = 3
"""Times a command is signed again for the session that asks, an agent. Sessions follow on one
another, and whoever forges such replies must not have us sign for every number there is."""


@dataclass(frozen=True, slots=True)
class AgentReply:
    """One agent's reply.

    Attributes:
        latency: seconds from our publish to the reply's arrival here.
        took: seconds the agent says it took; None if it does not say.
    """

    agent: str
    verb: Verb
    result: Result
    code: ReplyCode | None
    latency: float
    took: float | None
    status: Status


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """A verb on its way to some agents; `agents` empty means all, by broadcast."""

    verb: Verb
    agents: tuple[str, ...] = ()
    ttl: int = DEFAULT_TTL
    priority: Priority = Priority.NORMAL

    def messages(self, topics: Topics, now: float) -> list[tuple[str, dict[str, Any]]]:
        """(topic, message) of each publish this command takes, every one with its own id."""
        targets = [topics.of(MessageKind.COMMAND, agent) for agent in self.agents]
        return [(topic, self._message(now)) for topic in targets or [topics.broadcast]]

    def _message(self, now: float) -> dict[str, Any]:
        message: dict[str, Any] = {
            "verb": self.verb.value,
            "id": ulid(now),
            "ts": timestamp(now),
            "ttl": self.ttl,
        }
        if self.priority is not Priority.NORMAL:
            message["priority"] = self.priority.value
        return message


async def send(
    bus: Bus,
    topics: Topics,
    reader: Reader,
    command: CommandMessage,
    *,
    expected: Sequence[str],
    patience: float,
    sign: Sign | None = None,
) -> AsyncIterator[AgentReply]:
    """Publish `command` and yield answers as they come, until all `expected` answered or `patience`
    seconds are over. Whoever has not been yielded then was silent.

    Raises:
        BrokerError: the broker is away or refuses the publish.
    """
    await bus.subscribe(_replies(topics, expected))
    started: dict[str, float] = {}
    issued: dict[str, dict[str, Any]] = {}
    for topic, message in command.messages(topics, time.time()):
        issued[message["id"]] = message
        started[message["id"]] = time.perf_counter()
        await _publish(bus, topic, message, sign)
    asked: Counter[str] = Counter()
    waiting = set(expected)
    batches = bus.batches()
    end = asyncio.get_running_loop().time() + patience
    while waiting:
        try:
            async with asyncio.timeout_at(end):
                batch = await anext(batches)
        except (TimeoutError, StopAsyncIteration):
            return
        await bus.ack_many(batch)
        for inbound in batch:
            # Retained states come first, and most of what comes is no reply: read only those.
            if inbound.retain or b'"reply"' not in inbound.payload:
                continue
            answer = _answer(topics, reader, inbound, started)
            if answer and sign and answer.code is ReplyCode.OTHER_SESSION:
                asked[answer.agent] += 1
                again = _for_session(issued, answer.status)
                if again and asked[answer.agent] <= MAX_AGAIN:
                    own = topics.of(MessageKind.COMMAND, answer.agent)
                    await _publish(bus, own, again, sign)
                continue
            if answer and answer.agent in waiting:
                waiting.discard(answer.agent)
                yield answer


def _replies(topics: Topics, expected: Sequence[str]) -> str:
    """Where the answers come. Of one agent alone if it alone is asked: with a subscription the
    broker brings every retained state that it covers, the whole fleet's before the one answer."""
    if len(expected) == 1:
        return topics.of(MessageKind.STATUS, expected[0])
    return topics.every(MessageKind.STATUS)


async def _publish(bus: Bus, topic: str, message: dict[str, Any], sign: Sign | None) -> None:
    signed = sign(topic, message) if sign else message
    await bus.publish(topic, json.dumps(signed, separators=(",", ":")).encode())


def _for_session(issued: Mapping[str, dict[str, Any]], status: Status) -> dict[str, Any] | None:
    """The command that `status` refused as another session's, for the session that it names."""
    if status.boot is None or status.reply is None or status.reply.to is None:
        return None
    return issued[status.reply.to] | {"boot": status.boot}


def _answer(
    topics: Topics, reader: Reader, inbound: Inbound, started: Mapping[str, float]
) -> AgentReply | None:
    """The answer in `inbound` to one of our ids; None for any other message."""
    try:
        address = topics.parse(inbound.topic)
        message = reader.read(address.kind, inbound.payload)
    except Rejected:
        return None
    if not isinstance(message, Status) or message.reply is None:
        return None
    reply = message.reply
    if reply.to is None or reply.to not in started:
        return None
    latency = time.perf_counter() - started[reply.to]
    return AgentReply(
        address.agent, reply.verb, reply.result, reply.code, latency, reply.took, message
    )


async def known_agents(bus: Bus, topics: Topics) -> list[str]:
    """Names of the agents with retained state on the bus that did not say they are offline."""
    names: set[str] = set()
    offline: set[str] = set()
    filters = [topics.every(kind) for kind in (MessageKind.HEARTBEAT, MessageKind.STATUS)]
    reader = Reader()
    for inbound in await retained_state(bus, filters):
        try:
            address = topics.parse(inbound.topic)
            message = reader.read(address.kind, inbound.payload)
        except Rejected:
            continue
        names.add(address.agent)
        if isinstance(message, Status) and message.state is State.OFFLINE:
            offline.add(address.agent)
    return sorted(names - offline)


class OverBroker:
    """The way to agents over the broker alone; whoever does not answer in time was silent."""

    def __init__(self, bus: Bus, topics: Topics, reader: Reader, sign: Sign | None) -> None:
        self._bus = bus
        self._topics = topics
        self._reader = reader
        self._sign = sign

    async def known(self) -> list[str]:
        """Every agent that the bus remembers and that did not say it is offline."""
        return await known_agents(self._bus, self._topics)

    def send(
        self, command: CommandMessage, expected: Sequence[str], patience: float
    ) -> AsyncIterator[AgentReply]:
        return send(
            self._bus,
            self._topics,
            self._reader,
            command,
            expected=expected,
            patience=patience,
            sign=self._sign,
        )

    async def fates(self, agents: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(agents, "silent")
