"""Restarts of an agent, and the loop that many of them make."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from agent_sidecar.probes.base import AlertEvidence
from fleet.contract.vocabulary import AlertCode, Severity

WINDOW: Final = 600.0
"""Seconds: systemd, Docker and ours back off to minutes at most, so a loop shows within ten."""

LOOP: Final = 3
"""Restarts within the window that make a loop: two can be an update and its rollback."""


class Restarts:
    """Counts restarts, by one of three: seen by us, counted by somebody else, or told with their
    moments. Time is monotonic s."""

    def __init__(self, source: str) -> None:
        self.total = 0
        self._source = source
        self._moments: deque[float] = deque(maxlen=LOOP)
        self._counted: float | None = None

    def happened(self, now: float, times: int = 1) -> None:
        self.total += times
        self._moments.extend([now] * min(times, LOOP))

    def counted(self, count: float, now: float) -> None:
        """A count that somebody else keeps; one that falls began anew.

        When those before the first look happened is not known, so they make no loop.
        """
        if self._counted is not None and count > self._counted:
            self.happened(now, int(count - self._counted))
        self._counted = count

    def told(self, count: int, moments: Iterable[float]) -> None:
        """All restarts so far, and the moments of the last: nothing is left to guess."""
        self.total = count
        self._moments = deque(moments, maxlen=LOOP)

    def evidence(self, now: float) -> AlertEvidence:
        recent = sum(1 for moment in self._moments if 0 <= now - moment <= WINDOW)
        return AlertEvidence(
            AlertCode.RESTART_LOOP.value,
            recent >= LOOP,
            Severity.CRITICAL,
            value=recent,
            threshold=LOOP,
            source=self._source,
        )
