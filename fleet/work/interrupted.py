"""Uploads that broke off and may go on where they did, for a while, by whoever began them.

Only a caller that says so (`Content-Range`) has its upload kept. What came is its own: another one
that knows the digest hears of none of it, and cannot end what it does not have.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from fleet.work.upload import Upload

KEPT: Final = 600.0
"""Seconds that an upload waits to go on: a link that is away for longer begins anew."""

MOST: Final = 32
"""Uploads that wait, of one caller a quarter: each has an open file, and counts for the quota
of its group until that room is wanted."""


class Key(NamedTuple):
    """Which upload: whose, for which group, of which content and size."""

    by: str
    group: str
    digest: str
    size: int


class Interrupted:
    """What waits. `clock` in s; whoever gets uploads from here ends or abandons them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[Key, tuple[float, Upload]] = {}

    def take(self, key: Key) -> Upload | None:
        """The upload, which waits no more; None: there is none."""
        _, upload = self._waiting.pop(key, (0.0, None))
        return upload

    def keep(self, key: Key, upload: Upload) -> list[Upload]:
        """Let it wait; those that have to make room, the oldest first."""
        over = self.over()
        before = self.take(key)
        over += [before] if before is not None else []
        while sum(other.by == key.by for other in self._waiting) >= MOST // 4:
            over.append(self._waiting.pop(next(o for o in self._waiting if o.by == key.by))[1])
        while len(self._waiting) >= MOST:
            over.append(self._waiting.pop(next(iter(self._waiting)))[1])
        self._waiting[key] = self._clock(), upload
        return over

    def over(self) -> list[Upload]:
        """Those that have waited long enough; they wait no more."""
        aged = [key for key, (at, _) in self._waiting.items() if self._clock() - at >= KEPT]
        return [self._waiting.pop(key)[1] for key in aged]

    def take_all(self, group: str | None = None) -> list[Upload]:
        """Those for a group, or all; they wait no more."""
        found = [key for key in self._waiting if group in (None, key.group)]
        return [self._waiting.pop(key)[1] for key in found]
