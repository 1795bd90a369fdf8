"""Waiting for work that a stop ends early, or that a broken link puts off."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fleet.contract.backoff import Backoff
from fleet.contract.errors import BrokerError, RefusedError

FIRST_AGAIN, LAST_AGAIN = 0.5, 5.0
"""Seconds until what a broken link prevented is tried again, at first and at most."""

_log: Final = logging.getLogger(__name__)


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Do `work`, but not past `stop`; whether it was done.

    Raises:
        what `work` raises.
    """
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        return task.done()
    finally:
        for one in (task, stopped):
            one.cancel()
        await asyncio.wait((task, stopped))


async def until_linked(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do `work`, again as long as the link to the broker is down.

    Raises:
        RefusedError: the broker does not let this account do it.
    """
    backoff = Backoff(FIRST_AGAIN, LAST_AGAIN)
    while True:
        try:
            await work()
            return
        except RefusedError:
            raise
        except BrokerError as error:
            if not backoff.failures:
                _log.warning("%s: %s; trying again", error.what, error.why or "no link")
            await asyncio.sleep(backoff.failed(time.monotonic()))
