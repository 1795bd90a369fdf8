"""How a hub begins: with what the last one knew, out of the store, or as it followed it there.

A function of its own, so that nothing of it outlives it: what is read is as large as the fleet.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from fleet.contract.reader import Reader
from fleet.hub import machine_clock
from fleet.hub.committer import Committer
from fleet.hub.free_memory import give_back
from fleet.hub.ingest import Ingest
from fleet.hub.leading import Leading
from fleet.hub.redelivered import RECENT


async def begin(
    home: Path,
    committer: Committer,
    leading: Leading,
    ingest: Ingest,
    reader: Reader,
    *,
    trust_clock: bool,
) -> None:
    """Open the store, and know what it says.

    Raises:
        StoreError: it cannot be used.
    """
    await _know(home, committer, leading, ingest, reader, trust_clock=trust_clock)
    await give_back(len(committer.roster))


async def _know(
    home: Path,
    committer: Committer,
    leading: Leading,
    ingest: Ingest,
    reader: Reader,
    *,
    trust_clock: bool,
) -> None:
    memory = await asyncio.to_thread(committer.store.open)
    kept = machine_clock.read(home)
    followed, leading.roster = leading.roster, None
    committer.restore(memory, reader.read, kept, trusted=trust_clock, followed=followed)
    # A first start listens before it judges, too: retained state is dated by the agents' own
    # clocks; the birth that each is asked for shows how far off they are.
    committer.roster.stop_listening(float("-inf"))
    ingest.remember(committer.store.replay(memory.last_id - 4 * RECENT))
