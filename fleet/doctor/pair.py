"""What several brokers must have in common: a bridge between them, and the same accounts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final

from fleet.bus.connect_options import connect_options
from fleet.bus.raw_client import RawClient, Version
from fleet.contract.errors import FleetError
from fleet.contract.topics import BRIDGE_STATE
from fleet.doctor.findings import Diagnosis, Level
from fleet.provisioning import each_broker
from fleet.settings import Settings

PATIENCE: Final = 1.0
"""Seconds for what is retained to arrive."""

NAMED: Final = 5
"""Accounts that a finding names."""


async def examine(settings: Settings) -> AsyncIterator[Diagnosis]:
    """Whether a bridge is up, and whose account is missing where."""
    for place in settings.at_each():
        try:
            async with asyncio.timeout(each_broker.WITHIN):
                yield await _bridge(place)
            if each_broker.is_pair(settings):
                yield _accounts(place, await each_broker.gaps(place))
        except (FleetError, TimeoutError):
            continue  # that it is away was said above


async def _bridge(place: Settings) -> Diagnosis:
    check = f"bridge at {place.broker.place}"
    async with RawClient(connect_options(place), Version.V5) as client:
        if not await client.subscribe(BRIDGE_STATE.format("+")):
            return Diagnosis(check, Level.UNKNOWN, "this account may not see it")
        await client.wait_for(b"1", PATIENCE)
        said = [message.payload for message in client.received]
    if b"1" in said:
        return Diagnosis(check, Level.OK, "a bridge to another broker is up")
    remedy = "fleet broker config --standby writes one; else look at the log of the second broker"
    what = "the bridge is down" if said else "it knows of no bridge"
    said_so = f"{what}: who is at the other broker is not heard here"
    return Diagnosis(check, Level.CRITICAL, said_so, remedy)


def _accounts(place: Settings, gaps: Iterable[each_broker.Gap]) -> Diagnosis:
    check = f"accounts at {place.broker.place}"
    found = list(gaps)
    if not found:
        return Diagnosis(check, Level.OK, "they are those of the list of agents")
    said = "; ".join(gap.sentence for gap in found[:NAMED])
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    remedy = "fleet broker accounts --repair, which also says what it cannot mend"
    level = Level.WARNING if all(gap.missing for gap in found) else Level.CRITICAL
    return Diagnosis(check, level, f"{said}{more}", remedy)
