"""Agents leave, or get another name, at an operator's word: all that the hub holds of them.

What the broker retains is cleared first, and the hub waits until it hears that from the broker:
whatever was published before has been judged by then, a last will of the kicked connection too. So
nothing comes after it but what somebody says anew.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from fleet.commander.commander import Commander
from fleet.contract.errors import BrokerError, ConfigError
from fleet.contract.topics import STATES
from fleet.contract.vocabulary import State
from fleet.domain.events import Event, Fact
from fleet.domain.liveness import stale_at
from fleet.hub.feed import Item
from fleet.pending_departures import Departure, PendingDepartures
from fleet.store.records import StoredEvent

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

PATIENCE: Final = 5.0
"""Seconds to wait for the broker's echo: half of what the command line waits for an answer."""

FRESH: Final = 60.0
"""Seconds that it is remembered who was forgotten since the list changed."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Departed:
    """What was done.

    Attributes:
        known: whether the hub knew anything of it.
        alive: whether it was heard in time until now: then its next message brings it back.
        retained: whether what the broker retains was seen to be cleared.
        commands: how many of its commands were open, and are rejected now.
        alerts: how many alerts end by it that somebody was told of.
        history: whether all that was stored of it is erased.
    """

    agent: str
    known: bool
    alive: bool
    retained: bool
    commands: int
    alerts: int
    history: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Departures:
    """Called by the API, and for what was noted while no hub served; one agent at a time."""

    def __init__(self, hub: Hub, commander: Commander) -> None:
        self._hub = hub
        self._commander = commander
        self._pending = PendingDepartures(hub.settings.home)
        self._turn = asyncio.Lock()
        self._begun: set[Departure] = set()
        self._by_list: dict[str, tuple[float, int, int, bool]] = {}
        self._fault = ""

    async def forget(self, agent: str, *, history: bool) -> Departed:
        """Drop `agent`, and with `history` also all that is stored of it."""
        return await self._depart(Departure(agent, history))

    async def rename(self, old: str, new: str) -> Departed:
        """Let all that is known and stored of `old` be of `new`. The result is about `old`."""
        return await self._depart(Departure(old, to=new))

    def is_gone(self, agent: str, commands: int, alerts: int, *, alive: bool) -> None:
        """It was forgotten since the list no longer has it; whoever revokes it asks a moment later,
        and is told of that."""
        now = self._hub.committer.now()
        fresh = {name: one for name, one in self._by_list.items() if now - one[0] < FRESH}
        self._by_list = fresh | {agent: (now, commands, alerts, alive)}

    def is_alive(self, agent: str) -> bool:
        """Whether it was heard in time until now."""
        now = self._hub.committer.now()
        view = self._hub.roster.view(agent, now)
        if view.last_seen is None or view.says is State.OFFLINE:
            return False
        return now < stale_at(view.last_seen, view.interval)

    def leaving(self) -> list[str]:
        """Names of those who left, or got another name, while no hub served."""
        with suppress(ConfigError):  # `catch_up` says so
            return [departure.agent for departure in self._pending.read()]
        return []

    async def catch_up(self) -> None:
        """Do what was noted while no hub served: at once with what was stored, and once more when
        what waited at the broker was read."""
        try:
            pending = self._pending.read()
            for departure in pending:
                if departure not in self._begun:
                    self._begun.add(departure)
                    await self._carry_out(departure, retained=False)
            if self._hub.started_at is None or not self._hub.counters.link_up:
                return
            for departure in pending:
                await self._depart(departure)
                self._pending.remove(departure)
                self._begun.discard(departure)
        except ConfigError as error:
            if error.what != self._fault:  # it is looked at again and again
                _log.error("agents that left are not forgotten: %s", error.what)
            self._fault = error.what

    async def _depart(self, departure: Departure) -> Departed:
        async with self._turn:
            retained = await self._clear(departure.agent)
            return await self._carry_out(departure, retained=retained)

    async def _carry_out(self, departure: Departure, *, retained: bool) -> Departed:
        agent, history = departure.agent, departure.history
        hub, committer = self._hub, self._hub.committer
        if departure.to:
            for follow in committer.on_rename:
                await follow(agent, departure.to)
        known, alive = self._is_known(agent), self.is_alive(agent)
        commands = await self._commander.cancel(agent)
        events: list[Event] = []
        if departure.to:
            events += committer.rename(agent, departure.to)
            alerts = committer.book.ending(agent)
        else:
            topics = [hub.topics.of(kind, agent) for kind in STATES]
            alerts = committer.forget(agent, history_of=topics if history else None)
        if known:  # whoever shows the fleet looks again
            events.append(Event(Fact.FORGOTTEN, agent, committer.now(), departure.to))
        await committer.write(events, save_all=True)
        at, cancelled, ended, spoke = self._by_list.pop(agent, (-FRESH, 0, 0, False))
        if committer.now() - at < FRESH:
            known, alive = True, alive or spoke
            commands += cancelled
            alerts = max(alerts, ended)  # what ended then may still be on its way to who was told
        return Departed(agent, known, alive, retained, commands, alerts, history)

    def _is_known(self, agent: str) -> bool:
        return agent in self._hub.roster or bool(self._hub.committer.book.firing_of(agent))

    async def _clear(self, agent: str) -> bool:
        """Empty what is retained of `agent`; whether the broker was heard to have done it."""
        missing = {kind.value for kind in STATES}

        def echoes(item: Item) -> bool:
            if not isinstance(item, StoredEvent):
                return False
            return item.event.fact is Fact.RETAINED_CLEARED and item.event.agent == agent

        subscription = self._hub.feed.subscribe(wanted=echoes)
        try:
            async with asyncio.timeout(PATIENCE):
                for kind in STATES:
                    topic = self._hub.topics.of(kind, agent)
                    await self._hub.bus.publish(topic, b"", retain=True)
                async for item in subscription:
                    if isinstance(item, StoredEvent):
                        missing.discard(str(item.event.word))
                    if not missing:
                        break
        except (BrokerError, TimeoutError):
            _log.warning("what the broker retains of %s was not seen to be cleared", agent)
        finally:
            subscription.close()
        return not missing
