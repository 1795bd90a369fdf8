"""Waiting for a store that takes nothing: its disk is full, or it is away.

Whoever waits has acknowledged nothing; intake waits with it, and the hub says so by an alert.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from fleet.contract.backoff import Backoff
from fleet.contract.vocabulary import AlertCode, HubAlertCode
from fleet.domain.alerts import AlertBook
from fleet.domain.severities import OF_THE_HUB, severity_of
from fleet.hub.counters import Counters
from fleet.store.port import StoreFullError, StoreUnavailableError

T = TypeVar("T")

HUB: Final = ""
"""The agent of an alert that is the hub's own."""

FIRST_RETRY, LAST_RETRY = 1.0, 5.0
"""Seconds between attempts, at first and at most."""

PAUSES: Final = (AlertCode.DISK_PRESSURE, HubAlertCode.STORE_DOWN)
"""The alerts that say why nothing is taken in."""

_log: Final = logging.getLogger(__name__)


class StorePatience:
    """Keeps who waits; intake goes on when nobody does.

    Args:
        book: the alerts of now.
    """

    def __init__(
        self, counters: Counters, book: Callable[[], AlertBook], now: Callable[[], float]
    ) -> None:
        self._counters = counters
        self._book = book
        self._now = now
        self._held_up: set[Backoff] = set()

    async def until_taken(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the store answers, once it does.

        Raises:
            StoreError: the store refuses for another reason.
        """
        backoff = Backoff(FIRST_RETRY, LAST_RETRY)
        try:
            while True:
                try:
                    answer = await ask()
                    break
                except StoreUnavailableError as error:
                    self._counters.commit_failures += 1
                    self._held_up.add(backoff)
                    self._pause(error)
                await asyncio.sleep(backoff.failed(time.monotonic()))
        finally:
            self._held_up.discard(backoff)
        if self._counters.paused and not self._held_up:
            self._resume()
        return answer

    def _pause(self, error: StoreUnavailableError) -> None:
        """Say once that intake waits: the alert goes out by the feed, the store takes nothing."""
        book, now = self._book(), self._now()
        full = isinstance(error, StoreFullError)
        code = AlertCode.DISK_PRESSURE if full else HubAlertCode.STORE_DOWN
        if not book.fires(HUB, code):
            book.fire(HUB, code, OF_THE_HUB.get(code) or severity_of(code), now)
        if self._counters.paused:
            return
        self._counters.paused = True
        _log.error("intake paused: %s%s", error.what, f": {error.why}" if error.why else "")

    def _resume(self) -> None:
        self._counters.paused = False
        _log.warning("intake resumed")
        for code in PAUSES:
            self._book().resolve(HUB, code, self._now())
