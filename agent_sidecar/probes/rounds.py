"""Rounds of probes: when one starts, when it is over, and what wakes one early."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from agent_sidecar.probes.base import Probe, ProbeResult, Watcher
from agent_sidecar.probes.pool import Pool

GRACE: Final = 1.0
"""Seconds a bus heartbeat waits for slow probes; then it goes out with what is known."""


DEAF: Final = 1.0
"""Seconds after a wake-up by a probe in which the next one waits."""


class Rounds:
    """Starts rounds and says when they are over; time is monotonic s."""

    def __init__(self, probes: Sequence[Probe], wake: Callable[[], None]) -> None:
        self._watchers = [probe for probe in probes if isinstance(probe, Watcher)]
        self._pool = Pool(probes, wake)
        self._until: float | None = None
        self._deaf_until = 0.0
        self._deaf_to: set[int] = set()

    @property
    def running(self) -> bool:
        return self._until is not None

    @property
    def pending(self) -> bool:
        """Whether a probe has yet to answer."""
        return self._pool.pending()

    def start(self, now: float) -> None:
        """Start a round, or let the running one start what is idle."""
        self._pool.submit(now)
        self._until = now + GRACE

    def release(self) -> None:
        """Let its threads at what was started; see `Pool.release`."""
        self._pool.release()

    def collect(self, now: float) -> list[tuple[Probe, ProbeResult]]:
        return self._pool.collect(now)

    def ended(self, now: float) -> bool:
        """True once a round: every probe has answered, or its time is up."""
        if self._until is None or (now < self._until and self._pool.pending()):
            return False
        self._until = None
        return True

    def due(self, now: float) -> float | None:
        deaf = self._deaf_until if self._watchers and now < self._deaf_until else None
        moments = (self._until, self._pool.due(now), deaf)
        return min((moment for moment in moments if moment is not None), default=None)

    def woken(self, ready: set[int], now: float) -> None:
        """Start a round if a probe's own descriptor is among the `ready` ones."""
        if heard := ready & set(self.descriptors(now)):
            lately = self._deaf_to if now < self._deaf_until else set()
            self._deaf_to = lately | heard
            self._deaf_until = now + DEAF
            if any(watcher.is_news() for watcher in self._watchers if watcher.fileno() in heard):
                self.start(now)

    def descriptors(self, now: float) -> list[int]:
        """What probes ask to be woken by. Not right after it has: a descriptor that stays
        readable, as one of a dead process does until its probe lets go of it, must not spin.
        Another one is heard meanwhile: a death right after a start."""
        found = {watcher.fileno() for watcher in self._watchers} - {None}
        if self.running or now < self._deaf_until:
            found -= self._deaf_to
        return sorted(descriptor for descriptor in found if descriptor is not None)

    def close(self) -> None:
        self._pool.close()
