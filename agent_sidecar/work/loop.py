"""Claims what this machine can do, and carries it out beside each other; ends all of it at a stop.

One thread asks, one works for each attempt. A wake-up may be lost and a hub may be away: then the
next question comes by itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent_sidecar.lock import exclusive
from agent_sidecar.work.attempt import TaskAttempt
from agent_sidecar.work.hand_over import PATIENCE
from agent_sidecar.work.hub import TASK_ID, Offer, OnProgress, WorkHub, untold
from agent_sidecar.work.isolation.base import Rung
from agent_sidecar.work.kept_attempt import KeptAttempt
from agent_sidecar.work.kept_results import forget_old, kept_results
from agent_sidecar.work.leftovers import sweep
from agent_sidecar.work.out_size import disk_is_full
from agent_sidecar.work.update.attempt import UpdateAttempt
from agent_sidecar.work.update.recovery import recover
from agent_sidecar.work.work_file import Isolation, KindOfWork, WorkFile
from agent_sidecar.work.worker import Workers
from fleet.contract import trusted_path
from fleet.contract.backoff import Backoff
from fleet.contract.errors import FleetError
from fleet.contract.work_vocabulary import BuiltInKind, TaskReason

log = logging.getLogger(__name__)

One = TaskAttempt | KeptAttempt | UpdateAttempt
"""What a thread carries out."""

MOST: Final = 64
"""Attempts at a time, of all kinds together: each has a thread and at least two processes."""

LONGEST: Final = 300.0
"""Seconds between two questions at most, while the hub does not answer."""


STOP: Final = 4.0
"""Seconds that a stop waits for attempts to end before a result that is still on its way is kept,
and once more for those who have it: Docker kills after ten, and so does many a unit of systemd."""


class WorkLoop:
    """Does the work that `hub` offers. `state` is a folder of ours, held while it runs; `told`
    hears how far each task is."""

    def __init__(
        self,
        hub: WorkHub,
        work: WorkFile,
        rungs: Mapping[Isolation, Rung],
        state: Path,
        told: OnProgress = untold,
    ) -> None:
        self._hub = hub
        self._work = work
        self._rungs = rungs
        self._state = state
        self.told = told
        self._workers = Workers()
        self._running: dict[threading.Thread, One] = {}
        self._kinds: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._told = ""
        self._patience = PATIENCE
        self.done = 0
        self.failed = 0

    def wake(self) -> None:
        """There may be work, or room for some; from any thread."""
        self._woken.set()

    def follow(self, hub: WorkHub, work: WorkFile, rungs: Mapping[Isolation, Rung]) -> None:
        """Claim there and so from now on; what runs goes on as it began. From any thread."""
        with self._lock:
            self._hub, self._work, self._rungs = hub, work, rungs
        self.wake()

    def stop(self) -> None:
        """Have it end, with all workers; from any thread or signal handler, and twice."""
        self._stopping.set()
        self._woken.set()

    def run(self, *, once: bool = False) -> None:
        """Work until told to stop; with `once`, until nothing that we can do is offered.

        Raises:
            FleetError: another one works in the same folder, or with `once` the hub is away.
        """
        self._patience = 0.0 if once else PATIENCE
        with exclusive(self._state, other="another agent-sidecar with FLEET_WORK"):
            tasks = self._state / "tasks"
            trusted_path.make_folder(tasks)
            sweep(tasks, self._rungs.values())
            recover(self._work.update, self._state)
            self._workers.open()
            try:
                self._loop(once=once)
            finally:
                self._end_all()
                self._workers.close()

    def _loop(self, *, once: bool) -> None:
        backoff = Backoff(1.0, LONGEST)
        forget_old(self._state)
        for kept in kept_results(self._state):  # before what they are of is claimed once more
            late = KeptAttempt(self._hub, kept, self.told, once=once)
            self._begin(late, kept.claim.kind, kept.claim.task)
        while not self._stopping.is_set():
            self._woken.clear()
            wait = self._work.poll
            forget_old(self._state)
            try:
                claimed = self._claim_all()
                backoff.good(time.monotonic())
            except FleetError as error:
                if once:
                    raise
                self._tell(f"no work can be asked for: {error.what}: {error.why}")
                wait, claimed = backoff.failed(time.monotonic()), 0
            if once and not claimed and not self._running:
                return
            self._woken.wait(wait)

    def _claim_all(self) -> int:
        """Take what there is room for; how much that was."""
        claimed = 0
        with self._lock:
            hub, work, rungs = self._hub, self._work, self._rungs
        for offer in hub.offered():
            if offer.kind == BuiltInKind.UPDATE:
                claimed += self._update(hub, offer, work)
                continue
            kind = work.kinds.get(offer.kind)
            if kind is None or self._stopping.is_set() or not self._has_room(kind):
                continue
            if not TASK_ID.fullmatch(offer.task):
                self._tell("the hub offers a task whose id is none")
                continue
            claimed += self._start(hub, offer, kind, rungs[kind.isolation])
        return claimed

    def _has_room(self, kind: KindOfWork) -> bool:
        with self._lock:
            if self._kinds[kind.name] >= kind.parallel or len(self._running) >= MOST:
                return False
            running = self._running.values()
            if any(not isinstance(one, UpdateAttempt) and one.waits(kind.name) for one in running):
                return False  # the next of its kind may be the very task whose result is here
        if disk_is_full(str(self._state), kind.limits.output):
            self._tell(f"no room on the disk of {self._state} for a task of kind {kind.name}")
            return False
        return True

    def _start(self, hub: WorkHub, offer: Offer, kind: KindOfWork, rung: Rung) -> bool:
        begun = time.monotonic()
        claim = hub.claim(offer.task)
        if claim is None or claim.kind != kind.name:
            return False
        attempt = TaskAttempt(hub, self._workers, rung, claim, kind, self._state, begun, self.told)
        attempt.hand_over.patience = self._patience
        return self._begin(attempt, kind.name, claim.task)

    def _update(self, hub: WorkHub, offer: Offer, work: WorkFile) -> bool:
        """One at a time; it needs no room and no isolation."""
        begun = time.monotonic()
        free = not self._kinds[offer.kind] and not self._stopping.is_set()
        claim = hub.claim(offer.task) if free and TASK_ID.fullmatch(offer.task) else None
        if claim is None or claim.kind != offer.kind:
            return False
        attempt = UpdateAttempt(hub, claim, work.update, self._state, begun, self.told)
        return self._begin(attempt, claim.kind, claim.task)

    def _begin(self, attempt: One, kind: str, task: str) -> bool:
        thread = threading.Thread(
            target=self._carry_out, args=(attempt, kind), name=f"task {task}", daemon=True
        )
        with self._lock:
            self._running[thread] = attempt
            self._kinds[kind] += 1
        thread.start()
        return True

    def _carry_out(self, attempt: One, kind: str) -> None:
        reason: TaskReason | None = TaskReason.SIDECAR_STOPPED
        try:
            reason = attempt.run()
        except Exception:
            log.exception("an attempt failed in a way that nobody foresaw")
        finally:
            with self._lock:
                del self._running[threading.current_thread()]
                self._kinds[kind] -= 1
                self.done += reason is None
                self.failed += reason is not None
            self._woken.set()

    def _end_all(self) -> None:
        with self._lock:
            running = dict(self._running)
        for attempt in running.values():
            attempt.end(TaskReason.SIDECAR_STOPPED, False)
        until = time.monotonic() + STOP
        for thread in running:
            thread.join(max(0.0, until - time.monotonic()))
        for thread, attempt in running.items():
            if thread.is_alive() and isinstance(attempt, TaskAttempt):
                attempt.hand_over.keep()
        for thread in running:
            thread.join(STOP)

    def _tell(self, text: str) -> None:
        """Once until it changes."""
        if text != self._told:
            self._told = text
            log.warning(text)
