"""The fleet as the broker remembers it: retained state alone, no hub needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final

from fleet.bus.port import Bus, Inbound
from fleet.contract.errors import BrokerError

MARKER: Final = "$SYS/broker/version"
"""Retained on every Mosquitto. Asked for last, it arrives behind all retained state before it."""

QUIET: Final = 0.4
"""Seconds without a message after which a broker without `$SYS` is taken to have told all."""

PATIENCE: Final = 10.0
"""Seconds in all: 10,000 agents' retained state takes about one."""


async def retained_state(bus: Bus, filters: Iterable[str]) -> list[Inbound]:
    """Every retained message under `filters`, in order of arrival; the subscriptions stay.

    Raises:
        BrokerError: the broker refuses the subscription.
    """
    await bus.subscribe(*filters)
    marked = await _ask_for_marker(bus)
    state: list[Inbound] = []
    clock = asyncio.get_running_loop().time
    end = clock() + PATIENCE
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(end if marked else clock() + QUIET) as limit:
            async for message in bus.messages():
                await bus.ack(message)
                if message.topic == MARKER:
                    break
                if message.retain:
                    state.append(message)
                if not marked:
                    limit.reschedule(min(end, clock() + QUIET))
    return state


async def _ask_for_marker(bus: Bus) -> bool:
    try:
        await bus.subscribe(MARKER)
    except BrokerError:
        return False
    return True
