"""One hub a broker: who comes asks first, by a name that takes no place; who is there answers.

The account of the hub has one session at a broker, and two hubs would push each other out of it. So
a hub that starts, and one that gave way, asks on the bus whether another is at work, and ends with
words where one answers. A common store needs none of this: who leads is decided there, and a hub
that does not lead opens no bus. Such a hub passes `asks=False`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final

from fleet.bus.port import Bus
from fleet.contract import reserved
from fleet.contract.errors import BrokerError, FleetError
from fleet.contract.vocabulary import MessageKind
from fleet.settings import Settings

ANSWER_WITHIN: Final = 0.5
"""Seconds, once our own question came back to us: a hub answers in milliseconds, unless it works
off a backlog. Then both find out by their links (`fleet.contract.takeovers`)."""

CONNECT_WITHIN: Final = 5.0
"""Seconds for the question to come back: a broker that takes longer will say so to the hub."""

TOLD_EVERY: Final = 600.0
"""Seconds between two lines about others who ask: one that is restarted again and again must not
fill the log."""

_log = logging.getLogger(__name__)


class AnotherHubError(BrokerError):
    """Another hub is at work at this broker, under this account."""


class Presence:
    """Asks for this hub, and answers for it.

    Args:
        gives_up: called when this hub, which gave way, was told that another is at work.

    Attributes:
        rivals: how often another asked since the start.
    """

    def __init__(
        self, settings: Settings, gives_up: Callable[[], None] = lambda: None, *, asks: bool = True
    ) -> None:
        # By certificate the broker itself would name the one who asks as it names the hub.
        self._asks = asks and settings.cert_file is None
        self._settings = settings
        self._topic = settings.topics.of(MessageKind.RECEIPT, reserved.DOCTOR)
        self._own: set[int] = set()
        self._others: asyncio.Queue[int] = asyncio.Queue(len(reserved.QUESTIONS))
        self._told_at = float("-inf")
        self._gives_up = gives_up
        self.rivals = 0
        self.has_given_up = False

    async def require_free(self) -> None:
        """
        Raises:
            AnotherHubError: another hub answers.
        """
        if await self._is_taken():
            raise self.refusal()

    async def is_taken(self) -> bool:
        """Whether another hub answers, to one that was pushed out: then it gives up."""
        self.has_given_up = await self._is_taken()
        if self.has_given_up:
            self._gives_up()
        return self.has_given_up

    def refusal(self) -> AnotherHubError:
        """What a person is told of it."""
        account = self._settings.broker.user or self._settings.topics.manager
        return AnotherHubError(
            f"another hub is at work as {account} at {self._settings.brokers}",
            "two would push each other out of the broker, and each would miss what the other heard",
            "fleet status asks the one that serves; end that one to serve here, or give this one"
            " another broker",
        )

    async def _is_taken(self) -> bool:
        """A broker that cannot be asked says so to who connects."""
        if not self._asks:
            return False
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                return await self._ask()
        except (FleetError, TimeoutError):  # also where every name is the hub's at this broker
            return False

    async def _ask(self) -> bool:
        from fleet.bus.connect_options import connect_options
        from fleet.bus.mqtt import ingest_bus

        async with ingest_bus(connect_options(self._settings)) as bus:
            await bus.subscribe(self._topic)
            number = random.choice(reserved.QUESTIONS)  # noqa: S311 - tells questions apart
            question, answer = reserved.round_trip(number), reserved.answer_to(number)
            self._own.add(number)
            await bus.publish(self._topic, question, qos=0)  # not for sessions of who is away
            try:
                async with asyncio.timeout(None) as patience:
                    async for message in bus.messages():
                        if message.payload == answer and not message.retain:
                            return True
                        if message.payload == question:
                            loop = asyncio.get_running_loop()
                            patience.reschedule(loop.time() + ANSWER_WITHIN)
            except TimeoutError:
                pass
        return False

    def asked(self, number: int) -> None:
        """A question came in. A broker may have kept ours for our own session."""
        if number in self._own:
            self._own.discard(number)
        elif not self._others.full():
            self._others.put_nowait(number)

    async def answer(self, bus: Bus) -> None:
        """Say that the place is taken, each time it is asked for."""
        while True:
            number = await self._others.get()
            self.rivals += 1
            if time.monotonic() - self._told_at >= TOLD_EVERY:
                self._told_at = time.monotonic()
                _log.warning("another hub asked for this broker's place and was turned away")
            try:
                await bus.publish(self._topic, reserved.answer_to(number), qos=0)
            except BrokerError:
                _log.debug("the answer to another hub did not go out")
