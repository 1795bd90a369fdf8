"""When the link is tried again, and what is said about it: a line for each change, not each try.

A link that ends right after it came about, again and again, was taken by another client with our
name (see `fleet.contract.takeovers`). Two sidecars that both came back at once would push each
other out for ever, so one of them gives way: the one that came later, and at the first sign the
one whose state directory was made elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from fleet.contract.backoff import STEADY, Backoff
from fleet.contract.takeovers import FIRST_RETURN, LAST_RETURN, Takeovers

log = logging.getLogger(__name__)

LOST: Final = "lost"
TAKEN_OVER: Final = f"{LOST}: another client took our place"
SILENT: Final = f"{LOST}: the broker hung up without a word"
"""Why a link ended. More may follow the first."""

REPLACED: Final = "another sidecar has this agent's place at the broker, and comes back each time"

MAY_BE: Final = (
    "the broker is there still: if this comes again, another client uses this agent's name"
)

PROMPT: Final = 0.1
"""Part of the interval that the first wait may take."""

SHORTEST, LONGEST_FIRST = 0.5, 4.0
"""Seconds of the first wait: a fleet spreads over it, and the hub tells that somebody is offline
after five."""

MAX_TOLD: Final = 64
"""Reasons that are said, each once: words of a broker or of TLS must not fill log and memory."""

LONGEST: Final = 60.0
"""Seconds between two tries, also at long intervals."""

LONGEST_AT_SHORT: Final = 5.0
"""Seconds that they may have at the shortest interval; else half of it, so that nobody is late for
long once the broker is back."""


class Reconnect:
    """Decides for one agent; `now` is monotonic s.

    Args:
        brokers: how many take turns; each is tried as often as the only one would be.
        newcomer: whether the state directory was made elsewhere, so that another may be at work.
        lasted: called when a link has lasted: the place is ours.

    Attributes:
        broker: the one that is tried, for a person.
    """

    def __init__(
        self,
        agent: str,
        broker: str,
        interval: float,
        *,
        brokers: int = 1,
        newcomer: bool = False,
        lasted: Callable[[], None] = lambda: None,
    ) -> None:
        self._agent = agent
        self.broker = broker
        first = min(LONGEST_FIRST, max(SHORTEST, interval * PROMPT))
        longest = min(LONGEST, max(LONGEST_AT_SHORT, interval / 2))
        self._ordinary = Backoff(first, longest / brokers)
        self._returns = Backoff(FIRST_RETURN, LAST_RETURN)
        self._takeovers = Takeovers(1) if newcomer else Takeovers()
        self._lasted = lasted
        self._settled = False
        self._told: set[str] = set()
        self._up_at = 0.0

    @property
    def replaced(self) -> bool:
        """Whether we gave way to another, and look only now and then whether the place is free."""
        return self._takeovers.sure

    @property
    def remedy(self) -> str:
        """What ends the struggle of two."""
        return f"end one of the two, or name one otherwise than {self._agent}: fleet agent add"

    def up(self, now: float, how: str) -> None:
        """A link came about."""
        self._up_at = now
        self._ordinary.good(now)
        self._returns.good(now)
        self._settled = False
        if not self.replaced:
            log.info("connected to %s over %s", self.broker, how)

    def due(self) -> float:
        """When `look` has something to note; the moment may be past."""
        return float("inf") if self._settled else self._up_at + STEADY

    def look(self, now: float) -> None:
        """The link is up still: note once that it has lasted."""
        if self._settled or not self._ordinary.lasts(now):
            return
        self._settled = True
        if self.replaced:
            log.warning("the place at %s is ours alone again", self.broker)
        self._takeovers.settled()
        self._told.clear()
        self._lasted()

    def lost(self, why: str, now: float, *, listens: bool = True) -> float:
        """A link that was up ended; seconds until the next try. `listens`: a look at once showed
        that the broker is there still, so it did not die."""
        before, hung_up = self.replaced, why == SILENT and listens
        self.look(now)
        self._takeovers.lost(now - self._up_at, said=why == TAKEN_OVER, silent=hung_up)
        if not self.replaced:
            log.warning("link down: %s", why)
            if hung_up:
                self._tell(logging.WARNING, MAY_BE)
        wait = self._wait(now)
        if self.replaced and not before:
            log.error("%s: we give way, and look again in %.0f s", REPLACED, wait)
            log.error("Try: %s", self.remedy)
        return wait

    def failed(self, why: str, now: float, remedy: str = "") -> float:
        """No link came about; seconds until the next try. Each reason is said once, until a link
        has lasted: a broker that comes back may refuse us for another one."""
        if not why.startswith(LOST):  # it was away, or refused us: nobody needs to have our place
            self._takeovers.settled()
        if self._tell(logging.WARNING, f"no link to {self.broker}: {why}") and remedy:
            log.warning("Try: %s", remedy)
        return self._wait(now)

    def _wait(self, now: float) -> float:
        used, unused = self._ordinary, self._returns
        if self.replaced:
            used, unused = unused, used
        unused.ended(now)
        return used.failed(now)

    def _tell(self, level: int, text: str) -> bool:
        """Say something that need not be said again until a link has lasted; whether it was."""
        new = text not in self._told and len(self._told) < MAX_TOLD
        if new:
            self._told.add(text)
            log.log(level, "%s", text)
        return new
