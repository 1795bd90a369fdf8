"""Memory that is free goes back to the machine, after what was as large as the fleet.

The C library keeps what lies between blocks that are in use, for whoever asks next. After a start
that is the text of every record, 60 MB of 100,000 agents, and nobody asks for as much again.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from typing import Final

FEW: Final = 1_000
"""Agents up to which it is not worth a look."""


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
