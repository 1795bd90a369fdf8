"""Who has shown to have a content: by sending all of it. To name a digest shows nothing."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from fleet.domain.work.errors import TooManyError
from fleet.domain.work.task import Descriptor
from fleet.store.work_port import WorkStore
from fleet.work.blobs import Blobs
from fleet.work.caller import Caller
from fleet.work.errors import UnavailableError

SHOWN: Final = 25 * 3600.0
"""Seconds that an upload is a right to name what was sent: from the first of many outputs to the
end of the attempt, which waits a day for a hub that is away."""

OPENED: Final = 86_400.0
"""Seconds that who opened a context may use it before its first task."""

MOST: Final = 100_000
"""Uploads that are remembered here beside the store, which bounds its grants an agent."""


class Possession:
    """Judges descriptors that callers name. What the store grants survives the hub; what it has no
    room for is remembered as long as this hub serves."""

    def __init__(self, store: WorkStore, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs
        self._shown: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def opened(self, caller: Caller, context: str, now: float) -> None:
        """The caller has opened this context: it may come back to it, also if what it sent with it
        broke off."""
        if caller.member is not None:
            with suppress(TooManyError):
                await self._store.grant(caller.member.name, [context], now + OPENED, now)

    async def note(self, caller: Caller, digest: str, now: float) -> None:
        """The caller has sent this content."""
        if caller.member is None:
            return
        with suppress(TooManyError):
            await self._store.grant(caller.member.name, [digest], now + SHOWN, now)
        self._shown[caller.by, digest] = now + SHOWN
        self._shown.move_to_end((caller.by, digest))
        while len(self._shown) > MOST:
            self._shown.popitem(last=False)

    async def require(
        self, caller: Caller, group: str, named: Sequence[Descriptor], now: float
    ) -> None:
        """Have each stored in `group`, with this size, and the caller's to use.

        Raises:
            UnavailableError: one is not.
        """
        for one in {descriptor.digest: descriptor for descriptor in named}.values():
            may = await self.has(caller, group, one.digest, now)
            size = await asyncio.to_thread(self._blobs.size, group, one.digest)
            sizes = {item.size for item in named if item.digest == one.digest}
            if not may or sizes != {size}:
                raise UnavailableError(one.digest)

    async def adopt(self, context: str, named: Sequence[Descriptor], now: float) -> None:
        """What was judged is this context's too, whichever of the group it was stored for."""
        for one in named:
            if await self._store.blob_size(one.digest, context) is None:
                quota = self._blobs.limits.quota
                await self._store.add_blob(context, one.digest, one.size, quota, now)

    async def has(self, caller: Caller, group: str, digest: str, now: float) -> bool:
        """Whether the caller may read it, or has sent it; people may."""
        if caller.member is None:
            return True
        if self._shown.get((caller.by, digest), 0.0) >= now:
            return True
        return await self._store.may_read(caller.member.name, group, digest, now)
