"""The hub's end of the conversation with one agent: says things, hears everything, waits for facts.

It reads and writes the topics of that agent alone, but for a notice that was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from fleet.auditor.audit import Audit
from fleet.auditor.rules.digester import Digester
from fleet.bus.port import Bus, Inbound
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.topics import FROM_AGENT, Topics
from fleet.contract.vocabulary import MessageKind, Notice, Verb
from fleet.keys import Signer
from fleet.retained import retained_state
from fleet.tck.heard import Heard, read
from fleet.tck.transcript import Transcript

T = TypeVar("T")
Seal = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Adds a signature to a message for a topic, or whatever should stand in its place."""

FREE: Final = 10
"""Commands that are sent as fast as they are answered; sidecars take about 20 at once."""

PACE: Final = 0.5
"""Seconds between those after: sidecars refuse more than two a second."""

SOUNDING: Final = 1.0
"""Seconds after which an agent is asked again whether it is awake: a command to nobody is lost."""

SECRET: Final = b"the digests of this audit are thrown away"


class AgentLink:
    """
    Args:
        connect: makes a bus; one is kept open, others look at what is retained.
        signer: the hub's key, where signing is on.
        pace: seconds between commands after the first few.

    Attributes:
        heard: everything of the agent's topics, in order.
        audit: what the auditor finds in it.
        ids: of all commands that were sent.
        receipted: by session, up to where it was receipted in earnest.
        has_left_command: whether a retained command of ours lies at the broker.
    """

    def __init__(
        self,
        connect: Callable[[], Bus],
        topics: Topics,
        agent: str,
        reader: Reader,
        signer: Signer | None = None,
        pace: float = PACE,
    ) -> None:
        self.agent = agent
        self.topics = topics
        self.heard = Transcript()
        self.audit = Audit(topics, reader, Digester(SECRET))
        self._connect = connect
        self._reader = reader
        self._signer = signer
        self._pace = pace
        self._bus = connect()
        self._news = asyncio.Event()
        self._own: set[bytes] = set()
        self.ids: set[str] = set()
        self.receipted: dict[int, int] = {}
        self.has_left_command = False
        self._sent = 0
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._bus.__aenter__()
        await self._bus.subscribe(f"{self.topics.prefix}/{self.agent}/#")
        self._listener = asyncio.create_task(self._listen(), name="tck-listener")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listener:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        await self._bus.__aexit__(kind, error, trace)

    # --- hearing

    @property
    def now(self) -> int:
        """This moment, as an index into `heard`."""
        return len(self.heard)

    @property
    def has_other_hub(self) -> bool:
        """Whether somebody else sends this agent receipts."""
        return any(
            heard.kind is MessageKind.RECEIPT and heard.digest not in self._own
            for heard in self.heard
        )

    async def wait_for(self, fact: Callable[[], T], seconds: float) -> T:
        """The value of `fact` once it is true, or its last one after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (value := fact()):
                    self._news.clear()
                    await self._news.wait()
                return value
        return fact()

    async def is_awake(self, seconds: float, verb: Verb = Verb.VERSION_REPORT) -> bool:
        """Whether it answers one more `verb` within `seconds`: all that was said to it before
        has been read by then."""
        since, asked = self.now, set[str]()
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message = self.draft(verb)
            asked.add(str(message["id"]))
            await self.send(self.sealed(message))
            answered = partial(self._answered, since, verb, asked)
            if await self.wait_for(answered, min(left, SOUNDING)):
                return True
        return False

    def _answered(self, since: int, verb: Verb, asked: Collection[str]) -> bool:
        """Whether one of `asked` was answered; an answer that names nobody is taken to mean it."""
        replies = (heard.reply for heard in self.heard.told_once(since) if heard.reply is not None)
        return any(r.to in asked or (r.to is None and r.verb is verb) for r in replies)

    async def retained(self, *kinds: MessageKind) -> dict[MessageKind, Inbound]:
        """What the broker holds of this agent now, as a reader who connects later gets it."""
        wanted = {self.topics.of(kind, self.agent): kind for kind in kinds}
        async with self._connect() as bus:
            state = await retained_state(bus, wanted)
        return {wanted[m.topic]: m for m in state if m.topic in wanted and m.payload}

    def read(self, inbound: Inbound) -> Heard:
        return read(inbound, self.topics, self._reader, time.time())

    async def _listen(self) -> None:
        async for inbound in self._bus.messages():
            await self._bus.ack(inbound)
            if not inbound.payload:  # somebody cleared what was retained
                continue
            heard = self.read(inbound)
            self.heard.append(heard)
            if heard.kind in FROM_AGENT:
                at = None if heard.replayed else heard.at
                self.audit.examine(
                    self.now, at, inbound.topic, inbound.payload, False, inbound.properties
                )
            self._news.set()

    # --- speaking

    async def command(
        self, verb: Verb, *, age: float = 0.0, ttl: int = 60, seal: Seal | None = None, **more: Any
    ) -> str:
        """Send one command dated `age` s ago; its id."""
        message = self.draft(verb, age=age, ttl=ttl) | more
        await self.send(self.sealed(message, seal))
        return str(message["id"])

    def draft(self, verb: Verb, *, age: float = 0.0, ttl: int = 60) -> dict[str, Any]:
        at = time.time() - age
        id_ = ulid(time.time())
        self.ids.add(id_)
        return {"verb": verb.value, "id": id_, "ts": timestamp(at), "ttl": ttl}

    def sign(self, topic: str, message: dict[str, Any]) -> dict[str, Any]:
        """`message` signed by the hub; as it is where signing is off."""
        return message if self._signer is None else self._signer.sign(topic, message)

    def sealed(self, message: dict[str, Any], seal: Seal | None = None) -> dict[str, Any]:
        """`message` signed for the agent's present session, where signing is on, or by `seal`."""
        topic = self.topics.of(MessageKind.COMMAND, self.agent)
        if seal is not None:
            return seal(topic, message)
        boot = self.heard.boot if self._signer else None
        return self.sign(topic, message if boot is None else message | {"boot": boot})

    async def send(self, message: Mapping[str, Any] | bytes, *, retain: bool = False) -> None:
        """
        Raises:
            BrokerError: the broker is away or refuses it.
        """
        self._sent += 1
        if self._sent > FREE:
            await asyncio.sleep(self._pace)
        self.has_left_command = self.has_left_command or retain
        await self._publish(self.topics.of(MessageKind.COMMAND, self.agent), message, retain=retain)

    async def offer(self, offer: Mapping[str, Any] | bytes, *, signed: bool = True) -> None:
        """Offer a task; nobody has it.

        Raises:
            BrokerError: the broker is away or refuses it.
        """
        topic = self.topics.of(MessageKind.TASK, self.agent)
        sealed = self.sign(topic, dict(offer)) if signed and not isinstance(offer, bytes) else offer
        await self._publish(topic, sealed)

    async def forget_command(self) -> None:
        """Take away the retained command that the kit put there."""
        await self._publish(self.topics.of(MessageKind.COMMAND, self.agent), b"", retain=True)
        self.has_left_command = False

    async def receipt(self, boot: int, seq: int, *, signed: bool = True) -> None:
        if signed and seq <= self._last_seq(boot):
            self.receipted[boot] = max(seq, self.receipted.get(boot, -1))
        topic = self.topics.of(MessageKind.RECEIPT, self.agent)
        message: dict[str, Any] = {"boot": boot, "seq": seq}
        await self._publish(topic, self.sign(topic, message) if signed else message)

    def _last_seq(self, boot: int) -> int:
        numbers = (item.number for item in self.heard)
        return max((number[1] for number in numbers if number and number[0] == boot), default=-1)

    async def hub_online(self) -> None:
        now = time.time()
        message: dict[str, Any] = {"notice": Notice.HUB_ONLINE.value, "ts": timestamp(now)}
        topic = self.topics.broadcast
        await self._publish(topic, self.sign(topic, message | {"id": ulid(now)}))

    async def _publish(
        self, topic: str, message: Mapping[str, Any] | bytes, *, retain: bool = False
    ) -> None:
        payload = (
            message
            if isinstance(message, bytes)
            else json.dumps(message, separators=(",", ":")).encode()
        )
        self._own.add(self.read(Inbound(topic, payload)).digest)
        await self._bus.publish(topic, payload, retain=retain)
