"""What a proof leaves at the broker where something is open: looked for, and taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from fleet.acl.sides import Sides
from fleet.contract import reserved
from fleet.contract.errors import BrokerError


async def clear(sides: Sides, topics: Iterable[str], left: list[str]) -> None:
    """Empty what is retained of a proof on `topics`, this one's or of one that was killed. `left`
    holds meanwhile, and if this fails, what may be there; at the end what is.

    The hub may not write everywhere; whoever could leave it can take it away, so the agent does.
    """
    left[:] = sorted(set(topics))
    with contextlib.suppress(BrokerError):
        left[:] = await _retained(sides, left)
        if not left:
            return
        async with sides.hub() as hub:
            for topic in left:
                await hub.publish(topic, b"", retain=True)
        for topic in left:
            with contextlib.suppress(BrokerError):
                async with sides.visit(sides.newest) as prober:  # one may hang up on what it denies
                    await prober.publish(topic, b"", retain=True)
        left[:] = await _retained(sides, left)


async def _retained(sides: Sides, topics: Iterable[str]) -> list[str]:
    """Those on which the broker retains a payload of a proof."""
    async with sides.hub() as hub:
        await hub.subscribe(sides.barrier)
        for topic in topics:
            await hub.subscribe(topic)
        if not await sides.reached(hub, hub):
            raise BrokerError("the hub does not see what it publishes itself")
        return sorted(
            {
                one.topic
                for one in hub.received
                if one.retain and reserved.is_proof_payload(one.payload)
            }
        )
