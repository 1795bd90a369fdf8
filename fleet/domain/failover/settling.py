"""Since when what is known of a new active agent is of now, and not of when it stood by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.domain.failover.pair import RENEWAL, Pair
from fleet.domain.failover.signs import Signs

PROBED: Final = 5.0
"""Seconds more, in which its checks and the other's probe have run."""


@dataclass(slots=True)
class _Seen:
    """Under `epoch`: who has found the active agent well."""

    epoch: int
    itself: bool = False
    other: bool = False


class Settling:
    """Both sources have settled once each has found the active agent well in its present role: who
    then finds it dead says something new. Kept in memory; else `SETTLE` seconds must pass."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def look(self, pair: Pair, active: Signs, now: float) -> bool:
        """Whether both have, by `now` (s since the epoch). `active`: what is known of the active
        agent. Before it has beaten once more, that may be from when it was active before."""
        seen = self._seen.get(pair.name)
        if seen is None or seen.epoch != pair.epoch:
            seen = self._seen[pair.name] = _Seen(pair.epoch)
        begun = active.said is not None and active.said.has_begun(pair.epoch)
        if begun and now - pair.since >= RENEWAL + PROBED:
            seen.itself = seen.itself or active.well
            seen.other = seen.other or active.gone is False
        return seen.itself and seen.other

    def forget(self, name: str) -> None:
        """There is no such pair any more."""
        self._seen.pop(name, None)
