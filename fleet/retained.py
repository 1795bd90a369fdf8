"""The fleet as the broker remembers it, judged by the same rules as in the hub."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from fleet.bus.mqtt import open_bus
from fleet.bus.port import Bus
from fleet.contract.errors import ConfigError
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.topics import FROM_AGENT
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.agent_view import AgentView
from fleet.domain.apply_silences import apply_silences
from fleet.domain.enrolment import Enrolment
from fleet.domain.roster import Roster
from fleet.domain.silences import Silence
from fleet.domain.verdict import Verdict
from fleet.hub_client import HubClient, HubError
from fleet.provisioning.registry import Enrolled, Registry
from fleet.settings import Settings
from fleet.snapshot import retained_state


@dataclass(frozen=True, slots=True)
class HubHints:
    """What no retained message tells and a hub may: what is held back, and by how many seconds
    agents' clocks are off."""

    silences: tuple[Silence, ...] = ()
    skews: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, home: Path) -> Self:
        """From the hub of this home; nothing where none answers, so in doubt an alarm is loud."""
        with suppress(HubError, ConfigError):
            hub = HubClient.serving(home)
            if hub is not None:
                told = hub.get(f"/v1/alerts?code={HubAlertCode.CLOCK_SKEW}")
                silences = tuple(map(Silence.of, told["silences"]))
                return cls(silences, {a["agent"]: a["value"] or 0.0 for a in told["alerts"]})
        return cls()


async def remembered(
    bus: Bus,
    settings: Settings,
    filters: Iterable[str] | None = None,
    skews: Mapping[str, float] | None = None,
) -> Roster:
    """A roster made of retained messages alone, dated by the agents' clocks less their `skews`.

    `filters` for one who goes on to follow more than agents publish: the subscriptions stay, and a
    second one that overlaps would deliver twice.

    Nobody's list of enrolled agents is asked, so nobody is a ghost here; what breaks the contract
    is passed by, as the hub would.

    Raises:
        BrokerError: the broker refuses the subscription.
    """
    reader = Reader(settings.added_words())
    roster = Roster(interval=settings.interval)
    unheard = Verdict.UNKNOWN.value
    roster.thaw((name, {"verdict": unheard, "skew": skew}) for name, skew in (skews or {}).items())
    told = map(settings.topics.every, FROM_AGENT) if filters is None else filters
    for inbound in await retained_state(bus, told):
        if not inbound.payload:
            continue
        try:
            address = settings.topics.parse(inbound.topic)
            message = reader.read(address.kind, inbound.payload)
        except Rejected:
            continue
        roster.observe(address, message, at=time.time(), retained=True)
    return roster


async def look(settings: Settings) -> list[AgentView]:
    """Every agent as it is now, worst first; who is enrolled here and was never heard is unknown.

    Labels and groups come from the list that lies here, which makes nobody a ghost. Silences, and
    how far clocks are off, come from the hub where one serves this home.

    Raises:
        BrokerError: the broker is away or refuses.
    """
    hints = await asyncio.to_thread(HubHints.of, settings.home)
    async with open_bus(settings) as bus:
        roster = await remembered(bus, settings, skews=hints.skews)
    known: dict[str, Enrolled] = {}
    with suppress(ConfigError):  # a damaged list is the hub's to tell of; health is needed now
        known = Registry(settings.home).agents() or {}
    strangers = dict.fromkeys(roster.names(), Enrolment())
    members = strangers | {name: agent.as_member() for name, agent in known.items()}
    now = time.time()
    roster.enrol(members, at=now)
    # Of a session only the last messages are retained: what lay between them is not known.
    views = [replace(view, missing=None) for view in roster.views(now)]
    return apply_silences(views, hints.silences, now)
