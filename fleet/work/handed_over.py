"""What a thread opens for somebody who may be gone by then: a request that is called off while its
thread waits for its turn leaves no descriptor behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def handed_over(make: Callable[[], T], undo: Callable[[T], object]) -> T:
    """What `make` makes in a thread. Whoever is cancelled meanwhile goes at once; what is made all
    the same is then undone, in a thread, too."""
    loop = asyncio.get_running_loop()
    made = loop.run_in_executor(None, make)

    def undo_it(made: asyncio.Future[T]) -> None:
        if not made.cancelled() and made.exception() is None:
            loop.run_in_executor(None, undo, made.result())

    try:
        return await asyncio.shield(made)
    except asyncio.CancelledError:
        made.add_done_callback(undo_it)
        raise
