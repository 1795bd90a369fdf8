"""How a hub begins: with what the last one knew, out of the store, or as it followed it there.

A function of its own, so that nothing of it outlives it: what is read is as large as the fleet.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fleet.hub import machine_clock
from fleet.hub.redelivered import RECENT

if TYPE_CHECKING:
    from fleet.hub.hub import Hub


async def begin(hub: Hub, *, trust_clock: bool) -> None:
    """Open the store, and know what it says.

    Raises:
        StoreError: it cannot be used.
    """
    memory = await asyncio.to_thread(hub.store.open)
    kept = machine_clock.read(hub.settings.home)
    followed, hub.leading.roster = hub.leading.roster, None
    hub.committer.restore(memory, hub.reader.read, kept, trusted=trust_clock, followed=followed)
    # A first start listens before it judges, too: retained state is dated by the agents' own
    # clocks; the birth that each is asked for shows how far off they are.
    hub.roster.stop_listening(float("-inf"))
    hub.ingest.remember(hub.store.replay(memory.last_id - 4 * RECENT))
