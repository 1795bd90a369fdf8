"""One route's queue: on disk until delivered, each group once, tried until it is taken."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.secret_file import write_secret
from fleet.notifier.notification import Notification
from fleet.notifier.routes import Route
from fleet.notifier.senders import send

FIRST, LONGEST = 1.0, 300.0
"""Seconds before the second attempt, and at most between two: a receiver that is away for the
night is told within five minutes of its return."""

MAX_WAITING: Final = 1_000
"""Groups that wait at most; beyond it the oldest are dropped and counted."""

REMEMBERED: Final = 1_000
"""Delivered ids kept, so that a restart does not tell the same again."""

Send = Callable[[Route, Notification], None]
_log = logging.getLogger(__name__)


class Delivery:
    """Delivers to one route. `enqueue` is safe to call before `run`.

    Attributes:
        sent, failures, dropped: totals since the start, for metrics.
        working: whether the last attempt was taken; True before the first.
    """

    def __init__(self, route: Route, folder: Path, attempt: Send = send) -> None:
        self.route = route
        self.sent = 0
        self.failures = 0
        self.dropped = 0
        self.working = True
        self._attempt = attempt
        self._file = folder / f"{route.name}.json"
        self._waiting: OrderedDict[str, Notification] = OrderedDict()
        self._delivered: OrderedDict[str, None] = OrderedDict()
        self._more = asyncio.Event()
        self._changes = 0
        """Changes since the start, so that an older state is never written over a newer one."""
        self._written = 0
        self._disk = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def restore(self) -> None:
        """Take up what the last hub could not deliver."""
        try:
            kept = json.loads(self._file.read_text())
            self._waiting.update((g["id"], Notification.from_json(g)) for g in kept["waiting"])
            self._delivered.update(dict.fromkeys(map(str, kept["delivered"])))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("route %s: %s is unreadable (%s)", self.route.name, self._file, error)
        if self._waiting:
            self._more.set()

    async def enqueue(self, group: Notification) -> None:
        """Queue a group, unless it is below the route's severity or was delivered already; it is
        on disk when this returns."""
        if not self.route.wants(group.severity):
            return
        if group.id in self._waiting or group.id in self._delivered:
            return
        self._waiting[group.id] = group
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)
            self.dropped += 1
        self._changes += 1
        self._more.set()
        await self._save()

    async def run(self) -> None:
        """Deliver for ever, oldest first."""
        try:
            await self._deliver()
        finally:
            self._write(self._changes, self._state())  # a cancelled save is made up for

    async def _deliver(self) -> None:
        attempt = 0
        while True:
            await self._more.wait()
            group = next(iter(self._waiting.values()))
            if await self.attempt_once(group):
                attempt = 0
                self._waiting.pop(group.id, None)
                self._delivered[group.id] = None
                while len(self._delivered) > REMEMBERED:
                    self._delivered.popitem(last=False)
                self._changes += 1
                if not self._waiting:
                    self._more.clear()
                await self._save()
            else:
                ceiling = min(LONGEST, FIRST * 2.0**attempt)
                attempt = min(attempt + 1, 16)
                await asyncio.sleep(random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter

    async def attempt_once(self, group: Notification) -> bool:
        """One attempt; says once in the log when the route fails, and when it works again."""
        try:
            await asyncio.to_thread(self._attempt, self.route, group)
        except FleetError as error:
            self.failures += 1
            if self.working:
                _log.error("%s: %s; it is tried again", error.what, error.why)
            self.working = False
            return False
        if not self.working:
            _log.warning("route %s works again", self.route.name)
        self.working = True
        self.sent += 1
        return True

    async def _save(self) -> None:
        """In a thread: a slow disk must not stop the hub."""
        await asyncio.to_thread(self._write, self._changes, self._state())

    def _state(self) -> str:
        kept = {
            "waiting": [group.as_json() for group in self._waiting.values()],
            "delivered": list(self._delivered),
        }
        return json.dumps(kept, separators=(",", ":"))

    def _write(self, changes: int, state: str) -> None:
        with self._disk:
            if changes <= self._written:
                return
            try:
                write_secret(self._file, state)
            except ConfigError as error:  # a full disk must not stop alerts
                _log.warning("route %s: %s", self.route.name, error.what)
            else:
                self._written = changes
