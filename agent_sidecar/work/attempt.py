"""One attempt at a task, from the claim to what is handed back. Whatever happens in it, it ends
with nothing running, nothing mounted, no file left, and one word for the hub.
"""

from __future__ import annotations

import logging
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from agent_sidecar.files import replace_text
from agent_sidecar.work import collect
from agent_sidecar.work.hand_over import HandOver, why_not_brought
from agent_sidecar.work.hub import (
    BlobMismatch,
    Claim,
    HubAway,
    HubRefused,
    LeaseLost,
    OnProgress,
    WorkHub,
    untold,
)
from agent_sidecar.work.isolation.base import Attempt, Rung
from agent_sidecar.work.kept_results import keep_result
from agent_sidecar.work.launch import End, Launch
from agent_sidecar.work.leftovers import forget_worker, note_worker
from agent_sidecar.work.out_size import measure
from agent_sidecar.work.renewal import Renewal
from agent_sidecar.work.task_folder import TaskFolder
from agent_sidecar.work.work_file import KindOfWork
from agent_sidecar.work.worker import Worker, Workers
from fleet.contract.errors import FleetError
from fleet.contract.work_vocabulary import TaskReason, TaskState

log = logging.getLogger(__name__)

LOOK: Final = 0.25
"""Seconds between two looks at a worker that only its rung can see into."""

ASKS: Final = 75
"""Exit code of a worker that asks (EX_TEMPFAIL of sysexits: not now); its question is in a file."""

QUESTION: Final = "question"
"""How the name of that file in `out/` begins."""

_ENDS: Final = {
    TaskReason.ISOLATION_UNAVAILABLE: TaskState.REJECTED,
    TaskReason.CANCEL_ASKED: TaskState.CANCELED,
}
"""What an attempt ends as where it does not end as failed."""


class NotDone(Exception):
    """The attempt failed; `reason` goes to the hub, the text into our log."""

    def __init__(self, reason: TaskReason, text: str = "") -> None:
        super().__init__(text or reason.meaning)
        self.reason = reason


class TaskAttempt:
    """Carries out one claim.

    Args:
        state: folder of ours; the attempt's own is `tasks/NAME` in it.
        begun: when the claim was asked for (monotonic s): its lease counts from there.
        told: hears how far it is.

    Attributes:
        hand_over: brings what was made.
    """

    def __init__(
        self,
        hub: WorkHub,
        workers: Workers,
        rung: Rung,
        claim: Claim,
        kind: KindOfWork,
        state: Path,
        begun: float,
        told: OnProgress = untold,
    ) -> None:
        timeout = min(claim.timeout, kind.limits.timeout)
        kind = replace(kind, limits=replace(kind.limits, timeout=timeout))
        self._folder = TaskFolder(state / "tasks" / claim.name)
        self._attempt = Attempt(claim, kind, self._folder, begun + timeout, begun + claim.lease)
        self._hub = hub
        self._workers = workers
        self._rung = rung
        self._state = state
        self._tell = told
        self._worker: Worker | None = None
        self._ending: TaskReason | None = None
        self._lock = threading.Lock()
        self._asks = False
        self._progress = 0
        self._renewal = Renewal(
            hub,
            claim,
            begun,
            kind.limits.stall,
            evidence=self._evidence,
            progress=self._told,
            extended=self._extend,
            over=self.end,
        )
        self.hand_over = HandOver(hub, claim, self._renewal)

    def run(self) -> TaskReason | None:
        """Carry it out; why it was not done, or None: it was."""
        claim = self._attempt.claim
        reason: TaskReason | None
        self._tell(claim, TaskState.WORKING, 0, None)
        self._renewal.start()
        try:
            self._work()
            reason = None
        except NotDone as error:
            reason = error.reason
            log.warning("task %s: %s: %s", claim.task, reason, error)
        except LeaseLost as error:
            reason = TaskReason.LEASE_EXPIRED
            log.warning("task %s: its lease is lost, and what was made is not handed over: %s",
                        claim.task, error.why)  # fmt: skip
        except FleetError as error:
            reason = why_not_brought(error)
            log.warning("task %s: %s: %s", claim.task, error.what, error.why)
        finally:
            self._remove()
        if reason is not None and reason is not TaskReason.LEASE_EXPIRED:
            try:
                self.hand_over.insist(partial(self._hub.fail, claim, reason))
            except FleetError as error:  # the lease ends by itself
                log.warning("the hub was not told of %s: %s", claim.task, error.why)
        self._renewal.stop()
        if reason is None:
            done = not self._asks
            state = TaskState.COMPLETED if done else TaskState.INPUT_REQUIRED
            self._tell(claim, state, 100 if done else self._progress, None)
        else:
            self._tell(claim, _ENDS.get(reason, TaskState.FAILED), self._progress, reason)
        return reason

    def end(self, reason: TaskReason, at_once: bool) -> None:
        """Have the worker end; from any thread. The first reason stands."""
        with self._lock:
            self._ending = self._ending or reason
            self.hand_over.stopped = True
            if self._worker is not None:
                self._worker.kill(reason, now=at_once)

    def waits(self, kind: str) -> bool:
        """Whether it is of that kind, and its result waits for a hub that was away too long."""
        return self._attempt.kind.name == kind and self.hand_over.waits

    # --- steps

    def _work(self) -> None:
        try:
            if why := self._rung.unavailable(self._attempt.kind):
                raise NotDone(TaskReason.ISOLATION_UNAVAILABLE, why)
            self._lay()
            self._rung.prepare(self._attempt)
        except OSError as error:
            why = f"its folder cannot be made: {error.strerror}"
            raise NotDone(TaskReason.INPUT_UNAVAILABLE, why) from None
        try:
            launch = self._rung.launch(self._attempt)
        except OSError as error:
            raise NotDone(TaskReason.WORKER_EXIT, error.strerror or "it cannot start") from None
        end = self._run(launch)
        self._keep_tail(end)
        self._asks = self._asked(end)
        self._bring()

    def _lay(self) -> None:
        claim, folder = self._attempt.claim, self._folder
        folder.make()
        try:
            for number, content in enumerate(claim.input):
                folder.lay(f"in/{number}", partial(self._hub.read_blob, claim, content))
            for entry in self._hub.board(claim):
                place = f"blackboard/{entry.section}/{entry.name}"
                folder.lay(place, partial(self._hub.read_blob, claim, entry.content))
        except BlobMismatch as error:
            raise NotDone(TaskReason.DIGEST_MISMATCH, error.why) from None
        except LeaseLost:
            raise
        except (HubRefused, HubAway) as error:
            raise NotDone(TaskReason.INPUT_UNAVAILABLE, error.why) from None
        folder.close_for_writing()

    def _run(self, launch: Launch) -> End:
        """Start the worker and wait for its end."""
        launch = replace(launch, lease=self._renewal.until)
        with self._lock:
            if self._ending is not None:
                raise NotDone(self._ending)
            try:
                worker = self._worker = self._workers.start(launch)
            except OSError as error:
                raise NotDone(TaskReason.SIDECAR_STOPPED, error.strerror or "") from None
        noted = False
        self._renewal.watching = True
        try:
            while (end := worker.wait(LOOK if noted else 0.02)) is None:
                if worker.pid and not noted:
                    noted = True
                    note_worker(self._folder.path, worker.pid)
                if overrun := self._rung.overrun(self._attempt):
                    self.end(TaskReason(overrun), True)
        finally:
            self._renewal.watching = False
            with self._lock:
                self._worker = None
            worker.close()
        if end.left:  # its supervisor did not do its part
            for argv in launch.stop:
                with suppress(OSError, subprocess.TimeoutExpired):
                    subprocess.run(argv, capture_output=True, timeout=30, check=False)
        return end

    def _asked(self, end: End) -> bool:
        """Whether it ended with a question, and not with a result.

        Raises:
            NotDone: it did not end well.
        """
        if self._renewal.lost:
            raise NotDone(TaskReason.LEASE_EXPIRED)
        if end.error:
            raise NotDone(TaskReason.WORKER_EXIT, f"it cannot be started: {end.error}")
        reason = end.reason or self._ending or self._rung.reason(end)
        if reason:
            raise NotDone(TaskReason(reason))
        if end.code < 0 or end.code in range(129, 160):
            raise NotDone(TaskReason.WORKER_SIGNAL, f"signal {abs(end.code) % 128}")
        if end.code not in (0, ASKS):
            raise NotDone(TaskReason.WORKER_EXIT, f"exit code {end.code}")
        return end.code == ASKS

    def _bring(self) -> None:
        kind = self._attempt.kind
        required = None if self._asks else kind.required
        try:
            with collect.collected(self._folder.out, kind.limits.output, required) as outputs:
                plain = [output.name for output in outputs if output.section is None]
                if self._asks and not any(name.startswith(QUESTION) for name in plain):
                    why = f"exit code {ASKS}, and no out/{QUESTION}*"
                    raise NotDone(TaskReason.WORKER_EXIT, why)
                claim = self._attempt.claim
                keep = partial(keep_result, self._state, claim, outputs, asks=self._asks)
                self.hand_over.bring(outputs, self._asks, keep)
        except collect.BadOutput as error:
            raise NotDone(error.reason, str(error)) from None

    def _remove(self) -> None:
        try:
            self._rung.release(self._folder)
            self._folder.remove()
            forget_worker(self._folder.path)
        except OSError as error:  # the next start tries again
            log.warning("%s is left: %s", self._folder.path, error.strerror)

    # --- what the renewal asks, in its thread

    def _evidence(self) -> object:
        taken, newest, _ = measure(str(self._folder.out), self._attempt.kind.limits.output)
        return taken, newest

    def _told(self) -> int:
        found = max(self._progress, self._folder.progress() or 0)
        if found != self._progress:
            self._progress = found
            self._tell(self._attempt.claim, TaskState.WORKING, found, None)
        return found

    def _extend(self, lease: float) -> None:
        with self._lock:
            if self._worker is not None:
                self._worker.extend(lease)

    # --- what is kept beside the attempt

    def _keep_tail(self, end: End) -> None:
        """The end of what the last worker of a kind said, for whoever looks here; 0600, and never
        sent. It is content."""
        if not end.tail and end.code == 0:
            return
        try:
            replace_text(self._state / f"{self._attempt.kind.name}.log", end.tail)
        except OSError as error:
            log.warning("what the worker said is not kept: %s", error.strerror)
