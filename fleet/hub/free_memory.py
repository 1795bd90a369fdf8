"""Memory that is free goes back to the machine, after what was as large as the fleet.

The C library keeps what lies between blocks that are in use, for whoever asks next. After a start
that is the text of every record, 60 MB of 100,000 agents, and nobody asks for as much again.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from typing import Final

RARELY: Final = (30_000, 20, 50)
"""New objects, and rounds of the youngest and of the middle generation, between two searches for
cycles. Messages leave none behind; to search each 700 objects costs a tenth of all CPU where
agents are new."""

FEW: Final = 1_000
"""Agents up to which it is not worth a look."""


def search_rarely() -> None:
    """For a process that serves a fleet."""
    gc.set_threshold(*RARELY)


async def give_back(agents: int) -> None:
    """After what so many of them took. Where the C library can (glibc); elsewhere nothing
    happens."""
    if agents <= FEW:
        return
    await asyncio.sleep(0)  # a future holds its result until the loop has turned
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
