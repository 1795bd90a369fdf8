"""The fleet as the broker's retained messages tell it, judged by the same rules as in the hub."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from fleet.broker_kind import BrokerKind
from fleet.bus.mqtt import open_bus
from fleet.bus.port import Bus, Inbound
from fleet.contract.errors import BrokerError, RefusedError
from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.timestamps import epoch
from fleet.contract.topics import STATES
from fleet.contract.vocabulary import State
from fleet.domain.agent_view import AgentView
from fleet.domain.apply_silences import apply_silences
from fleet.domain.clock_skew import SKEW_FIRES
from fleet.domain.enrolment import Enrolment
from fleet.domain.roster import Roster
from fleet.domain.silences import AGENT, Silence, maintenance
from fleet.provisioning.registry import enrolled_here
from fleet.settings import Settings

MARKER: Final = "$SYS/broker/version"
"""Retained on every Mosquitto. Asked for last, it arrives behind all retained state before it."""

QUIET: Final = 0.4
"""Seconds without a message after which a broker without `$SYS` is taken to have told all."""

MARKER_WAIT: Final = 1.5
"""The same where it granted the marker, which comes at once where there is one: NATS grants it and
has none."""

MOST_OF: Final = 2
"""Agents at least that must be dated in the future before it is this machine that is behind."""

PATIENCE: Final = 10.0
"""Seconds in all: 10,000 agents' retained state takes about one."""


@dataclass(frozen=True, slots=True)
class Retained:
    """Every agent as retained messages tell it, worst first. `is_behind`: most agents' clocks are
    ahead of this machine's, so it is this one that is wrong."""

    views: list[AgentView]
    is_behind: bool


async def retained_roster(
    bus: Bus, settings: Settings, latest: dict[str, float] | None = None
) -> Roster:
    """A roster made of retained messages alone, dated by the agents' own clocks; `latest` is told
    the latest of these times of each agent.

    Nobody's list of enrolled agents is asked, so nobody is a ghost here; what breaks the contract
    is passed by, as the hub would.

    Raises:
        BrokerError: the broker refuses the subscription.
    """
    reader = Reader(settings.added_words())
    roster = Roster(interval=settings.interval)
    topics = map(settings.topics.every, STATES)
    for inbound in await retained_state(bus, topics, look_qos(settings)):
        if not inbound.payload or inbound.properties:
            continue
        try:
            address = settings.topics.parse(inbound.topic)
            message = reader.read(address.kind, inbound.payload)
        except Rejected:
            continue
        roster.observe(address, message, at=time.time(), retained=True)
        if latest is not None and isinstance(message, (Heartbeat, Status, Alert)):
            latest[address.agent] = max(latest.get(address.agent, 0.0), epoch(message.ts))
    return roster


async def retained_views(settings: Settings) -> Retained:
    """Every agent as retained messages tell it; who is enrolled here and was never heard is
    unknown.

    Labels and groups come from the list that lies here, which makes nobody a ghost.

    Raises:
        BrokerError: the broker is away or refuses.
    """
    async with open_bus(settings) as bus:
        latest: dict[str, float] = {}
        roster = await retained_roster(bus, settings, latest)
    known = enrolled_here(settings.home) or {}
    strangers = dict.fromkeys(roster.names(), Enrolment())
    members = strangers | {name: agent.as_member() for name, agent in known.items()}
    now = time.time()
    roster.enrol(members, at=now)
    # Of a session only the last messages are retained: what lay between them is not known.
    views = [replace(view, missing=None) for view in roster.views(now)]
    ahead = sum(ts > now + SKEW_FIRES for ts in latest.values())
    is_behind = ahead >= MOST_OF and 2 * ahead > len(latest)
    return Retained(apply_silences(views, _maintenance(roster, views), now), is_behind)


def _maintenance(roster: Roster, views: Iterable[AgentView]) -> Iterable[Silence]:
    """The silences that a hub would have made of agents that state maintenance."""
    for view in views:
        said_at = roster.said_at(view.agent)
        if view.says is State.MAINTENANCE and said_at is not None:
            yield maintenance(AGENT, said_at, view.agent)


def look_qos(settings: Settings) -> int:
    """The QoS to look at what is retained with. A cluster of NATS makes a replicated consumer for
    each subscription at QoS 1, which takes it half a second; at QoS 0 none, and it hangs up where
    it must drop. Others drop at QoS 0 without a word."""
    return 0 if settings.broker_kind is BrokerKind.NATS else 1


async def retained_state(bus: Bus, filters: Iterable[str], qos: int = 1) -> list[Inbound]:
    """The retained message of every topic under `filters`, in order of arrival; the subscriptions
    stay. Who is asked again after a break tells all of it again.

    Raises:
        BrokerError: the broker refuses the subscription.
    """
    wanted = list(filters)
    await bus.subscribe(*wanted, qos=qos)
    # NATS grants a subscription below $SYS, and has nothing there.
    marked = qos > 0 and await _ask_for_marker(bus, wanted)
    quiet = MARKER_WAIT if marked else QUIET
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
