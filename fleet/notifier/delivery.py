"""One route's queue: on disk until delivered, each group once, tried until it is taken or is
known to be one that the receiver never takes."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fleet.contract.backoff import Backoff
from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.vocabulary import Severity
from fleet.notifier.delivery_log import DeliveryLog, Outcome
from fleet.notifier.digest import Digest
from fleet.notifier.given_alerts import GivenAlerts
from fleet.notifier.kept_route import KeptRoute
from fleet.notifier.kept_state import InHome, KeptState
from fleet.notifier.notification import Notification
from fleet.notifier.queue import Queue
from fleet.notifier.refusals import Refusal, SendError
from fleet.notifier.routes import Route
from fleet.notifier.senders import send
from fleet.notifier.set_aside import SetAside, SetAsideMessages
from fleet.store.port import LeadershipLostError

FIRST, LONGEST = 1.0, 60.0
"""Seconds before the second attempt, and at most between two beside what the receiver asks for:
one a minute costs nobody anything, and who was away is told within a minute of the return."""

MAX_WAITING: Final = 1_000
"""Groups that wait at most; beyond it what matters least is dropped and counted."""

REMEMBERED: Final = 1_000
"""Delivered ids kept, so that a restart does not tell the same again."""

KEPT_WITHIN, KEPT_AT_LAST = 5.0, 1.0
"""Seconds that a disk or database has to keep a message before it is sent all the same, and to keep
all at the end."""

Send = Callable[[Route, Notification], object]
_log = logging.getLogger(__name__)


class Delivery:
    """Delivers to one route. `enqueue` is safe to call before `run`.

    Args:
        kept: where it keeps its state; None: in a file of `folder`.
        knows: whether there is an agent of that name.

    Attributes:
        sent, failures, dropped, refused: totals since the start, for metrics; `refused` are the
            messages that were set aside.
        working: whether the last attempt was taken; True before the first.
        paused: whether the circuit is open: nothing is tried until its pause is over.
        log: what became of each alert here.
    """

    def __init__(
        self, route: Route, folder: Path, attempt: Send = send, kept: KeptState | None = None,
        knows: Callable[[str], bool] = lambda _agent: True,
    ) -> None:  # fmt: skip
        self.route = route
        self.sent = 0
        self.failures = 0
        self.dropped = 0
        self.refused = 0
        self.working = True
        self.paused = False
        self.set_aside = SetAsideMessages()
        self.log = DeliveryLog(knows)
        self._digest = Digest(route.digest)
        self._attempt = attempt
        self._kept = kept or InHome(folder / f"{route.name}.json")
        self._queue = Queue(FIRST, LONGEST)
        self._delivered: OrderedDict[str, None] = OrderedDict()
        self._given = GivenAlerts(route.severity)
        self._circuit = Backoff(FIRST, LONGEST, steady=0.0)
        self._closes_at = 0.0
        self._more = asyncio.Event()
        self._changes = 0
        """Changes since the start, so that an older state is never written over a newer one."""
        self._written = 0
        self._is_fenced = False
        self._disk = threading.Lock()
        # Of its own: receivers that hang must not use up the threads of others.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"route-{route.name}")

    def __len__(self) -> int:
        return len(self._queue)

    def restore(self) -> None:
        """Take up what the last hub could not deliver."""
        try:
            kept = self._kept.read(KeptRoute.from_json)
        except ConfigError as error:
            why = f"{error.what}: {error.why}"
            _log.error("route %s: %s; what waited in it is lost", self.route.name, why)
            return
        if kept is None:
            return
        self.log.restore(kept.log)
        self._given.restore(kept.given, kept.open)
        self._digest.restored(kept.digest)
        self._queue.add(kept.waiting, in_front=True)
        self._delivered.update(dict.fromkeys(kept.delivered))
        for one in kept.set_aside:
            self.set_aside.add(one)
        self._more.set()

    async def enqueue(self, *groups: Notification) -> None:
        """Queue groups, unless one is below the route's severity or was delivered already; they are
        on disk when this returns, also what somebody else is queueing."""
        added = [self._add(group) for group in groups]
        while len(self._queue) > MAX_WAITING:
            self._queue.remove(self._queue.least().id)
            self.dropped += 1
        if any(added):
            self._changes += 1
            self._more.set()
        if self._written < self._changes:
            await self._save()

    def _add(self, group: Notification) -> bool:
        """Whether anything of it is news that this route wants."""
        if any(group.id in known for known in (self._queue, self._delivered, self.set_aside)):
            return False
        self.set_aside.supersede(group)
        news = self._given.news(group)
        if news is None:
            return False
        if self.route.digest and news.severity is Severity.INFO:
            self.dropped += self._digest.add(news, time.time())
            self._remember(news.id)
        else:
            self._queue.add([news])
        return True

    async def retry(self) -> int:
        """Try at once what was set aside, and whatever waits; how many were set aside."""
        messages = self.set_aside.take()
        self._queue.add(messages, in_front=True)
        self._closes_at = 0.0
        self._changes += 1
        self._more.set()
        await self._save()
        return len(messages)

    async def run(self) -> None:
        """Deliver for ever, the worst first."""
        try:
            await self._deliver()
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)
            if self._written < self._changes:  # a cancelled save is made up for
                last = asyncio.ensure_future(self._save())
                await asyncio.wait({last}, timeout=KEPT_AT_LAST)

    async def _deliver(self) -> None:
        while True:
            self._more.clear()
            if (due := self._digest.due_at) is not None and due <= time.time():
                self._queue.add([self._digest.take()])
                self._changes += 1
                await self._save()
            now = time.monotonic()
            self.paused = now < self._closes_at
            group = None if self.paused else self._queue.next(now)
            if group is None:
                due = None if self._digest.due_at is None else self._digest.due_at - time.time()
                until = self._closes_at if self.paused else self._queue.next_due()
                moments = [until, None if due is None else now + due]
                await self._wait(min((m for m in moments if m is not None), default=None))
            elif await self._is_kept(group):
                await self._try(group)

    async def _wait(self, until: float | None) -> None:
        """Until there is more to do, or `until` (monotonic) at the latest."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(None) as limit:
                if until is not None:
                    limit.reschedule(asyncio.get_running_loop().time() + until - time.monotonic())
                await self._more.wait()

    async def _try(self, group: Notification) -> None:
        error, answer = await self._attempt_once(group)
        outcome = Outcome.TAKEN if error is None else Outcome.WAITING
        news = self.log.note(group, outcome, error.why if error else answer, time.time())
        if error is None:
            self._queue.was_taken(group.id)
            self._remember(group.id)
        elif error.refusal is Refusal.TOO_LARGE and (halves := group.halves()):
            self._queue.replace(group.id, (half for half in halves if not self._is_known(half)))
            self._remember(group.id)
        elif error.refusal in (Refusal.REFUSED, Refusal.TOO_LARGE):
            self._give_up(group, error.why)
        elif error.refusal is Refusal.FAILED and self._queue.has_failed(group.id, time.monotonic()):
            if self._queue.is_hopeless(group.id):
                self._give_up(group, error.why)
            elif not news:
                return
        else:
            now = time.monotonic()
            self._closes_at = now + self._circuit.failed(now, error.retry_after)
            if not news:
                return  # nothing changed that the disk should know
        self._changes += 1
        await self._save()

    def _is_known(self, group: Notification) -> bool:
        return group.id in self._queue or group.id in self._delivered

    def _remember(self, group_id: str) -> None:
        self._delivered[group_id] = None
        while len(self._delivered) > REMEMBERED:
            self._delivered.popitem(last=False)

    def _give_up(self, group: Notification, why: str) -> None:
        self._queue.remove(group.id)
        self.log.note(group, Outcome.SET_ASIDE, why, time.time())
        self.refused += 1
        self.dropped += self.set_aside.add(SetAside(group, why, time.time()))
        _log.error("route %s: %s is set aside: %s", self.route.name, group.title, why)
        _log.error("Try: fleet alerts retry %s, once the receiver takes it", self.route.name)

    def told_of(self, group: Notification) -> Notification | None:
        """What of a group that fires was told here, or is about to be; None: nothing of it."""
        return self._given.told_of(group)

    async def say_again(self, group: Notification) -> None:
        """One attempt at what was told already; nothing is queued. One that is too large goes in
        parts."""
        parts = [group]
        while parts and not self.paused:
            part = parts.pop()
            error, _ = await self._attempt_once(part)
            if error is not None and error.refusal is Refusal.TOO_LARGE:
                parts += part.halves()

    async def _attempt_once(self, group: Notification) -> tuple[SendError | None, str]:
        """One attempt, and what it was answered; says once in the log that the route fails, and
        that it works again."""
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._thread, self._attempt, self.route, group)
        except FleetError as error:
            self.failures += 1
            if isinstance(error, SendError):
                failed = error
            else:  # a file of the route's own
                failed = SendError(error.what, error.why, error.remedy, refusal=Refusal.AWAY)
            permanent = failed.refusal in (Refusal.REFUSED, Refusal.TOO_LARGE)
            if self.working and not permanent:
                _log.error("%s: %s; it is tried again", error.what, error.why)
            self.working = False
            return failed, failed.why
        if not self.working:
            _log.warning("route %s works again", self.route.name)
        self.working = True
        self.sent += 1
        self._circuit.good(time.monotonic())
        return None, str(answer)

    def as_dict(self) -> dict[str, Any]:
        """As HTTP shows it; no address is in it."""
        return {
            "name": self.route.name,
            "channel": self.route.channel.value,
            "working": self.working,
            "paused": self.paused,
            "waiting": len(self),
            "set_aside": [one.as_dict() for one in self.set_aside],
        }

    async def _is_kept(self, group: Notification) -> bool:
        """Whether `group` may be sent: it is on disk, so that whoever goes on after a kill sends it
        by the same id. A disk that takes nothing keeps no alert back; another hub that leads does,
        so who was stopped while it waited waits anew: only the disk knows."""
        if self._written < self._changes:
            saving, began = asyncio.ensure_future(self._save()), float("-inf")
            while not saving.done() and time.monotonic() - began > 1.5 * KEPT_WITHIN:
                began = time.monotonic()
                await asyncio.wait({saving}, timeout=KEPT_WITHIN)
        if self._is_fenced:
            await asyncio.get_running_loop().create_future()  # until this hub has stepped down
        return group.id in self._queue

    async def _save(self) -> None:
        """In a thread: a slow disk must not stop the hub."""
        await asyncio.to_thread(self._write, self._changes, self._state())

    def _state(self) -> str:
        kept = KeptRoute(
            self._queue, self._delivered, self.set_aside, self._digest.as_json(), self._given,
            self.log, self._given.open,
        )  # fmt: skip
        return kept.text()

    def _write(self, changes: int, state: str) -> None:
        with self._disk:
            if changes <= self._written:
                return
            try:
                self._kept.write(state)
            except LeadershipLostError:
                self._is_fenced = True
            except FleetError as error:  # a full disk must not stop alerts
                _log.warning("route %s: %s", self.route.name, error.what)
            else:
                self._written = changes
