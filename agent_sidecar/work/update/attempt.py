"""One order of the hub, from the claim to what is told of it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from agent_sidecar.work.hub import (
    Claim,
    HubAway,
    LeaseLost,
    OnProgress,
    WorkHub,
    untold,
)
from agent_sidecar.work.renewal import Renewal
from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.updater import Updater
from agent_sidecar.work.update_plan import UpdatePlan
from fleet.contract.backoff import Backoff
from fleet.contract.errors import FleetError
from fleet.contract.update_words import MAX_ORDER, UpdateOrder, UpdateStep
from fleet.contract.work_vocabulary import TaskReason, TaskState

log = logging.getLogger(__name__)

_ENDS: Final = {TaskReason.CANCEL_ASKED: TaskState.CANCELED}


class UpdateAttempt:
    """See `TaskAttempt`; `plan` None: nothing says how this agent is updated."""

    def __init__(
        self,
        hub: WorkHub,
        claim: Claim,
        plan: UpdatePlan | None,
        state: Path,
        begun: float,
        told: OnProgress = untold,
    ) -> None:
        self._hub = hub
        self._claim = claim
        self._plan = plan
        self._state = state
        self._tell = told
        self._commands = Commands(plan.timeout if plan else 1.0, plan.environment if plan else ())
        self._progress = 0
        self._off = threading.Event()
        self._renewal = Renewal(
            hub,
            claim,
            begun,
            claim.timeout,
            evidence=object,  # each command has a time-out of its own
            progress=lambda: self._progress,
            extended=lambda _until: None,
            over=self.end,
        )

    def run(self) -> TaskReason | None:
        """Carry it out; why it was not done, or None: it was."""
        self._renewal.start()
        try:
            reason = self._work()
        except LeaseLost as error:
            log.warning("update %s: its lease is lost: %s", self._claim.task, error.why)
            reason = TaskReason.LEASE_EXPIRED
        except (FleetError, ValueError) as error:
            log.warning("update %s: its order cannot be had: %s", self._claim.task, error)
            reason = TaskReason.INPUT_UNAVAILABLE
        except OSError as error:  # before anything was changed: see `Updater.carry_out`
            log.warning("update %s: %s", self._claim.task, error.strerror)
            reason = TaskReason.SNAPSHOT_FAILED
        self._report(reason)
        self._renewal.stop()
        return reason

    def end(self, reason: TaskReason, _at_once: bool) -> None:
        """Nobody wants it any more: what is half done is taken back. At a stop of the sidecar that
        is left to its next start."""
        self._off.set()
        if reason is TaskReason.SIDECAR_STOPPED:
            self._commands.stop()

    def _work(self) -> TaskReason | None:
        if self._plan is None:
            return TaskReason.NO_UPDATE_PLAN
        order = self._order()
        updater = Updater(self._plan, self._state, self._commands, self._step, self._off.is_set)
        return updater.carry_out(order)

    def _order(self) -> UpdateOrder:
        """
        Raises:
            ValueError: it is none.
        """
        (content,) = self._claim.input
        if content.size > MAX_ORDER:
            raise ValueError("its order is too long")
        with open(os.memfd_create("order"), "r+b") as file:  # noqa: PTH123 - not on a full disk
            self._insist(partial(self._hub.read_blob, self._claim, content, file.fileno()))
            return UpdateOrder.parse(os.pread(file.fileno(), MAX_ORDER + 1, 0))

    def _step(self, step: UpdateStep) -> None:
        log.info("update %s: %s", self._claim.task, step)
        self._progress = max(self._progress, step.percent)
        try:  # so that the hub knows before it changes anything; it is no matter if it is away
            self._tell(self._claim, TaskState.WORKING, self._progress, None)
            self._hub.renew(self._claim, self._progress)
        except (FleetError, OSError) as error:
            log.info("update %s: the hub does not hear of it: %s", self._claim.task, error)

    def _report(self, reason: TaskReason | None) -> None:
        ask: Callable[[], None]
        if reason is None:
            ask = partial(self._hub.complete, self._claim, [])
        else:
            ask = partial(self._hub.fail, self._claim, reason)
        try:
            self._insist(ask)
        except FleetError as error:  # the hub asks for the way back when the lease is over
            log.warning("the hub was not told of update %s: %s", self._claim.task, error.why)
        state = TaskState.COMPLETED if reason is None else _ENDS.get(reason, TaskState.FAILED)
        self._tell(self._claim, state, 100 if reason is None else self._progress, reason)

    def _insist(self, ask: Callable[[], None]) -> None:
        """Ask the hub until it answers, or the lease is over."""
        backoff = Backoff(0.2, 5.0)
        while True:
            try:
                ask()
            except HubAway:
                if time.monotonic() >= self._renewal.until or self._commands.stopped:
                    raise
                time.sleep(backoff.failed(time.monotonic()))
            else:
                return
