"""Of several brokers: whether an agent whose last will was told is at the other one.

An agent that lost its link to a broker that still runs goes to the next one within seconds. The
first notices after one and a half keep-alives, and tells the will of a link that nobody misses. It
carries the number of the session that is live, so it reads as a death. Who is asked and answers is
alive; who does not is not, and was told so already.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from fleet.contract.errors import BrokerError
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.vocabulary import MessageKind, State, Verb
from fleet.domain.events import Fact
from fleet.store.records import StoredEvent

if TYPE_CHECKING:
    from fleet.hub.feed import Item
    from fleet.hub.hub import Hub

TTL: Final = 10
"""Seconds for the question: later it is no question any more."""

PAUSE: Final = 60.0
"""Seconds between two questions to an agent: one that tells its own death again and again gets no
more than that."""

MAX_KNOWN: Final = 100_000
"""Agents of whom is kept when they were asked."""


class LateWills:
    """A service of the hub; it rests where there is one broker."""

    name = "late-wills"

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._asked: dict[str, float] = {}

    async def run(self) -> None:
        if not self._hub.settings.standbys:
            return
        subscription = self._hub.feed.subscribe(wanted=_is_offline)
        try:
            async for item in subscription:
                if isinstance(item, StoredEvent):
                    await self._ask(item.event.agent)
        finally:
            subscription.close()

    async def _ask(self, agent: str) -> None:
        now = time.monotonic()
        if now - self._asked.get(agent, float("-inf")) < PAUSE or not self._died(agent):
            return
        if len(self._asked) >= MAX_KNOWN:
            self._asked.clear()
        self._asked[agent] = now
        at, hub = self._hub.committer.now(), self._hub
        message = {
            "verb": Verb.STATUS_REPORT.value,
            "id": ulid(at),
            "ts": timestamp(at),
            "ttl": TTL,
        }
        boot = hub.roster.view(agent, at).boot
        if boot is not None and hub.signs:
            message["boot"] = boot
        topic = hub.topics.of(MessageKind.COMMAND, agent)
        try:
            await hub.bus.publish(topic, hub.signed(topic, message), qos=0)  # not kept for later
        except BrokerError:
            del self._asked[agent]

    def _died(self, agent: str) -> bool:
        """Whether it stands as offline; a goodbye asks for nothing, and its link is closed."""
        view = self._hub.roster.view(agent, self._hub.committer.now())
        return view.says is State.OFFLINE


def _is_offline(item: Item) -> bool:
    return isinstance(item, StoredEvent) and item.event.fact is Fact.OFFLINE
