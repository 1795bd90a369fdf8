"""The fleet as the broker's retained messages tell it, judged by the same rules as in the hub."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fleet.bus.mqtt import open_bus
from fleet.bus.port import Bus, Inbound
from fleet.contract.errors import BrokerError, ConfigError, RefusedError
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.topics import FROM_AGENT
from fleet.contract.vocabulary import State
from fleet.domain.agent_view import AgentView
from fleet.domain.apply_silences import apply_silences
from fleet.domain.enrolment import Enrolment
from fleet.domain.roster import Roster
from fleet.domain.silences import AGENT, Silence, maintenance
from fleet.provisioning.registry import Enrolled, Registry
from fleet.settings import Settings

MARKER: Final = "$SYS/broker/version"
"""Retained on every Mosquitto. Asked for last, it arrives behind all retained state before it."""

QUIET: Final = 0.4
"""Seconds without a message after which a broker without `$SYS` is taken to have told all."""

MARKER_WAIT: Final = 1.5
"""The same where it granted the marker, which comes at once where there is one: NATS grants it and
has none."""

PATIENCE: Final = 10.0
"""Seconds in all: 10,000 agents' retained state takes about one."""


async def retained_roster(bus: Bus, settings: Settings) -> Roster:
    """A roster made of retained messages alone, dated by the agents' own clocks.

    Nobody's list of enrolled agents is asked, so nobody is a ghost here; what breaks the contract
    is passed by, as the hub would.

    Raises:
        BrokerError: the broker refuses the subscription.
    """
    reader = Reader(settings.added_words())
    roster = Roster(interval=settings.interval)
    for inbound in await retained_state(bus, map(settings.topics.every, FROM_AGENT)):
        if not inbound.payload or inbound.properties:
            continue
        try:
            address = settings.topics.parse(inbound.topic)
            message = reader.read(address.kind, inbound.payload)
        except Rejected:
            continue
        roster.observe(address, message, at=time.time(), retained=True)
    return roster


async def retained_views(settings: Settings) -> list[AgentView]:
    """Every agent as retained messages tell it, worst first; who is enrolled here and was never
    heard is unknown.

    Labels and groups come from the list that lies here, which makes nobody a ghost.

    Raises:
        BrokerError: the broker is away or refuses.
    """
    async with open_bus(settings) as bus:
        roster = await retained_roster(bus, settings)
    known = enrolled_here(settings) or {}
    strangers = dict.fromkeys(roster.names(), Enrolment())
    members = strangers | {name: agent.as_member() for name, agent in known.items()}
    now = time.time()
    roster.enrol(members, at=now)
    # Of a session only the last messages are retained: what lay between them is not known.
    views = [replace(view, missing=None) for view in roster.views(now)]
    return apply_silences(views, _maintenance(roster, views), now)


def enrolled_here(settings: Settings) -> dict[str, Enrolled] | None:
    """The list of agents in this home; None where there is none. A damaged one is the hub's to
    tell of: health is needed now."""
    with contextlib.suppress(ConfigError):
        return Registry(settings.home).agents()
    return None


def _maintenance(roster: Roster, views: Iterable[AgentView]) -> Iterable[Silence]:
    """The silences that a hub would have made of agents that state maintenance."""
    for view in views:
        said_at = roster.said_at(view.agent)
        if view.says is State.MAINTENANCE and said_at is not None:
            yield maintenance(AGENT, said_at, view.agent)


async def retained_state(bus: Bus, filters: Iterable[str]) -> list[Inbound]:
    """The retained message of every topic under `filters`, in order of arrival; the subscriptions
    stay. Who is asked again after a break tells all of it again.

    Raises:
        BrokerError: the broker refuses the subscription.
    """
    wanted = list(filters)
    await bus.subscribe(*wanted)
    quiet = MARKER_WAIT if await _ask_for_marker(bus, wanted) else QUIET
    state: dict[str, Inbound] = {}
    clock = asyncio.get_running_loop().time
    end = clock() + PATIENCE
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(quiet) as limit:
            async for message in bus.messages():
                await bus.ack(message)
                if message.topic == MARKER:
                    break
                if message.retain:
                    state[message.topic] = message
                limit.reschedule(min(end, clock() + quiet))
    return list(state.values())


async def _ask_for_marker(bus: Bus, filters: list[str]) -> bool:
    """Whether the broker grants it. Some hang up on whoever asks: then `filters` are asked for
    again, as soon as the link is back.

    Raises:
        BrokerError: it does not come back.
    """
    try:
        await bus.subscribe(MARKER)
    except RefusedError:
        return False
    except BrokerError:
        await _ask_again(bus, filters)
        return False
    return True


async def _ask_again(bus: Bus, filters: list[str]) -> None:
    clock = asyncio.get_running_loop().time
    end = clock() + PATIENCE
    while True:
        try:
            await bus.subscribe(*filters)
            return
        except BrokerError:
            if clock() >= end:
                raise
            await asyncio.sleep(0.1)
