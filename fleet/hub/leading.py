"""Whether this hub is the one that leads, where several share a store.

One that waits opens nothing and connects to no broker. One that leads renews its lease; one that
finds that another leads ends at once, and says so: what it would have written is refused anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from fleet.contract.backoff import Backoff
from fleet.domain.roster import Roster
from fleet.hub.store_patience import StorePatience
from fleet.store.leadership import LOOK, RENEW, Leadership
from fleet.store.port import (
    LeadershipLostError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
)
from fleet.store.shared import RequestOutbox
from fleet.store.sites import Sites

FIRST_AGAIN, LAST_AGAIN = 1.0, 4.0
"""Seconds between looks at a store that is away, at first and at most: less than a lease lasts."""

GLANCE: Final = 0.2
"""Seconds between looks at what we know ourselves, until we are certain again."""

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)

Beside = Callable[["Leading"], Coroutine[Any, Any, object]]
"""What a hub does while it waits."""

Followed = Callable[[], Coroutine[Any, Any, Roster | None]]


class Leading:
    """A part of the hub.

    Attributes:
        leader: whom this hub waits for, as it calls itself; empty: for nobody, or for the store.
        followed: asks what was followed while this hub waited.
        roster: what came of it when this hub began to lead; None: nothing is known yet.
    """

    name = "leading"

    def __init__(self, leadership: Leadership | None, patience: StorePatience) -> None:
        self._leadership = leadership
        self._patience = patience
        self.leader = ""
        self.followed: Followed | None = None
        self.roster: Roster | None = None
        self._left = 0.0
        self._was_in = False
        # Its own: followers of other sites may fill the loop's with calls that wait for a store.
        self._thread = ThreadPoolExecutor(1, "lease-renewal")

    def close(self) -> None:
        """Ask for the lease no more; twice is safe."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def is_certain(self) -> bool:
        """Whether nobody else can lead at this moment."""
        return self._leadership is None or self._leadership.is_certain

    @property
    def requests(self) -> RequestOutbox:
        """The way of what changes something to the hub that leads.

        Raises:
            RuntimeError: the store has one hub alone.
        """
        if self._leadership is None:
            raise RuntimeError("one hub alone has nobody to ask")
        return self._leadership.requests

    @property
    def sites(self) -> Sites | None:
        """What the sites of the fleet share; None: it has none."""
        return self._leadership.sites if self._leadership else None

    async def begin(self, beside: Beside | None = None) -> None:
        """Wait until this hub leads, and do `beside` meanwhile, where it has to wait."""
        backoff = Backoff(FIRST_AGAIN, LAST_AGAIN)
        if self._leadership is None or await self._takes(self._leadership, backoff):
            return
        waiting = asyncio.create_task(beside(self), name="standby") if beside else None
        try:
            while not await self._takes(self._leadership, backoff):
                failed = backoff.failures > 0
                pause = backoff.failed(time.monotonic()) if failed else self._until_next_look()
                await asyncio.sleep(pause)
            followed, self.followed = self.followed, None
            if followed:
                with self.kept():
                    self.roster = await followed()
        finally:
            if waiting:
                waiting.cancel()
                await asyncio.wait({waiting})
        _log.warning("this hub leads now")

    def _until_next_look(self) -> float:
        """Seconds: a lease that ends sooner than that is looked at when it does."""
        return min(LOOK, max(GLANCE, self._left))

    async def _takes(self, leadership: Leadership, backoff: Backoff) -> bool:
        """Whether we lead now; else it is said whom or what we wait for, once.

        Raises:
            StoreError: it is not our store, or one that does not let us in.
        """
        try:
            held = await self._ask(leadership.acquire)
            self._was_in = True
        except StoreUnavailableError as error:
            if isinstance(error, StoreRefusedError) and not self._was_in:
                raise
            if not backoff.failures:
                backoff.failed(time.monotonic())
                _log.warning("waiting for the store: %s", error)
            return False
        backoff.failures = 0
        self._left = held.left if held else 0.0
        if held is not None and held.holder != self.leader:
            self.leader = held.holder
            _log.warning("standby: %s leads; this hub takes over when it ends", held.holder)
        return held is None

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Go on leading while the block runs, which may hold the loop up for longer than a lease
        lasts: a hub that begins reads all that it knows of a large fleet."""
        ended = threading.Event()
        if (leadership := self._leadership) is not None:

            def renew() -> None:
                while not ended.wait(RENEW):
                    try:
                        leadership.renew()
                    except LeadershipLostError:
                        return  # `confirm` says so
                    except StoreError as error:
                        _log.info("the lease was not renewed: %s", error.what)

            threading.Thread(target=renew, name="lease", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    async def confirm(self) -> None:
        """Renew now. A store that is away is waited for, and said.

        Raises:
            LeadershipLostError: another hub leads.
        """
        if (leadership := self._leadership) is not None:
            await self._patience.until_taken(lambda: self._ask(leadership.renew))

    async def _ask(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def run(self) -> None:
        """Go on leading. A store that is away is said so here too: an idle hub writes nothing else.

        Raises:
            LeadershipLostError: another hub leads.
        """
        while self._leadership is not None:
            await self.confirm()
            await asyncio.sleep(RENEW)

    async def turn(self) -> None:
        """Wait until it is certain that we lead: before that no link may be made, or it would end
        the other hub's."""
        while not self.is_certain:  # noqa: ASYNC110 - time alone changes it
            await asyncio.sleep(GLANCE)


@contextlib.contextmanager
def stepping_down() -> Iterator[None]:
    """Lets out of a group of tasks that another hub leads, whatever else failed by it.

    Raises:
        LeadershipLostError: another hub leads.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        if group.subgroup(LeadershipLostError) is None:
            raise
        raise LeadershipLostError(
            "another hub leads now; this one steps down",
            "its lease ended: it was stopped, or could not reach the store",
        ) from None
