"""What a sidecar does every few seconds whatever else there is, such as to say that it is alive.

It is done with a wake-up that comes anyway, where one comes soon enough: a wake-up of its own costs
more than what is done. Pure; time is an argument (monotonic s).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agent_sidecar.lease import RENEWAL

EARLY: Final = RENEWAL / 3
"""Seconds before it is due from which on it is done with anything else: a sidecar that beats each
ten seconds, more or less, is never woken for it."""


class Upkeep:
    """Does each of `errands`, which are given now, every `RENEWAL` seconds.

    Attributes:
        due: when to wake up for it.
    """

    def __init__(self, *errands: Callable[[float], None]) -> None:
        self._errands = errands
        self.due = 0.0

    def tick(self, now: float) -> None:
        """Somebody is awake: do it, if it is near enough."""
        if now < self.due - EARLY:
            return
        self.due = now + RENEWAL
        for errand in self._errands:
            errand(now)
