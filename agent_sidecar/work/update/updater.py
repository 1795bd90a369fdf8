"""Carries out an order: forward, and back where forward fails. It never ends stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.journal import SNAPSHOT, UNFINISHED, Journal, Note, Phase
from agent_sidecar.work.update_plan import Argv, Rollback, UpdatePlan, filled
from fleet.contract import trusted_path
from fleet.contract.update_words import UpdateAction, UpdateOrder, UpdateStep, is_plain
from fleet.contract.work_vocabulary import TaskReason

log = logging.getLogger(__name__)

OnStep = Callable[[UpdateStep], None]


class Updater:
    """Updates the agent beside us. `state` is a folder of ours; `called_off`: whether nobody wants
    it any more."""

    def __init__(
        self,
        plan: UpdatePlan,
        state: Path,
        commands: Commands,
        on_step: OnStep = lambda _step: None,
        called_off: Callable[[], bool] = lambda: False,
    ) -> None:
        self._plan = plan
        self._commands = commands
        self._journal = Journal(state)
        self._snapshot = state / SNAPSHOT
        self._on_step = on_step
        self._called_off = called_off

    def carry_out(self, order: UpdateOrder) -> TaskReason | None:
        """Why it was not done; None: the version that was asked for is in place and started.

        Raises:
            OSError: what it is about to do cannot be written down; nothing was changed by that.
        """
        if order.action is UpdateAction.ROLL_BACK:
            return self._ordered_back(order)
        return self._forward(order)

    def recover(self) -> TaskReason | None:
        """Go back from where a killed sidecar left it; None: it left nothing half done."""
        note = self._journal.read()
        if note is None or note.phase not in UNFINISHED:
            return None
        log.warning("an update to %s was cut off: going back to %s", note.version, note.before)
        return self._back(note)

    # --- forward

    def _forward(self, order: UpdateOrder) -> TaskReason | None:
        plan, version = self._plan, order.version
        self._on_step(UpdateStep.PRECHECK)
        if not plan.allows(version):
            log.warning("update: %s is not allowed here: allow = %s", version, list(plan.allow))
            return TaskReason.VERSION_REFUSED
        before = self._current()
        if before == version:
            return TaskReason.ALREADY_CURRENT
        if not before and plan.rollback is not Rollback.NONE:
            log.warning("update: what runs now is not told, so there would be no way back")
            return TaskReason.SNAPSHOT_FAILED
        self._on_step(UpdateStep.SNAPSHOT)
        if plan.snapshot:
            trusted_path.make_folder(self._snapshot)
            if not self._run(plan.snapshot, version):
                return TaskReason.SNAPSHOT_FAILED
        if self._called_off():
            return TaskReason.CANCEL_ASKED
        note = Note(order.rollout, version, before, Phase.CHANGING, plan.what)
        self._journal.write(note)
        self._on_step(UpdateStep.INSTALLING)
        good = self._run(plan.install, version) and self._start()
        if good:
            self._on_step(UpdateStep.VERIFYING)
            good = self._is_well(version)
        if self._commands.stopped:  # the next start goes back
            return TaskReason.SIDECAR_STOPPED
        if good and not self._called_off():
            try:
                self._journal.enter(note, Phase.INSTALLED)
            except OSError as error:  # the next start would take it back, unasked
                log.warning("update: %s is in place, and not noted: %s", version, error.strerror)
            else:
                return None
        return self._back(note)

    # --- back

    def _ordered_back(self, order: UpdateOrder) -> TaskReason | None:
        note = self._journal.read()
        if note is None or note.rollout != order.rollout:
            if not self._may_go_back(order):
                return TaskReason.VERSION_REFUSED
            what = self._plan.what
            note = Note(order.rollout, order.leaving, order.version, Phase.INSTALLED, what)
        done = note.phase is Phase.BACK or self._current() == note.before
        if done and note.before and self._is_well(note.before):
            return None
        reason = self._back(note)
        return None if reason is TaskReason.ROLLED_BACK else reason

    def _may_go_back(self, order: UpdateOrder) -> bool:
        """Whether an order may be followed that names a version which nothing here knows of."""
        current = self._current()
        allowed = self._plan.allows(order.version) and current == order.leaving
        if not allowed and order.version != current:
            log.warning(
                "update: the way back to %s is refused: rollout %s is not the last one here, %s is "
                "in place, and allow = %s", order.version or "nowhere", order.rollout,
                current or "nobody knows what", list(self._plan.allow),
            )  # fmt: skip
            return False
        return True

    def _back(self, note: Note) -> TaskReason:
        self._on_step(UpdateStep.ROLLING_BACK)
        note = self._noted(note, Phase.GOING_BACK)
        plan = self._plan
        possible = plan.rollback is not Rollback.NONE and bool(note.before)
        if possible:
            restored = plan.rollback is Rollback.PACKAGE or self._run(plan.restore, note.before)
            installed = self._run(plan.back or plan.install, note.before)
            if restored and installed and self._start() and self._is_well(note.before):
                self._noted(note, Phase.BACK)
                log.warning("the update to %s is taken back: %s runs", note.version, note.before)
                return TaskReason.ROLLED_BACK
        if self._commands.stopped:
            return TaskReason.SIDECAR_STOPPED
        self._start()  # whatever is in place is better than nothing that runs
        self._noted(note, Phase.FAILED)
        log.critical(
            "ROLLBACK FAILED: the update to %s failed, and %s; what is in place was started: look "
            "at the agent now", note.version,
            f"the way back to {note.before} failed too" if possible else "there is no way back",
        )  # fmt: skip
        return TaskReason.ROLLBACK_FAILED

    def _noted(self, note: Note, phase: Phase) -> Note:
        """The note in its next phase. No full disk holds up a way back: what stands there leads
        back at the next start, too."""
        try:
            return self._journal.enter(note, phase)
        except OSError as error:
            log.error("update: it is not noted that it is %s: %s", phase, error.strerror)  # noqa: TRY400
            return replace(note, phase=phase)

    # --- commands

    def _run(self, argv: Argv, version: str) -> bool:
        return self._commands.run(filled(argv, version, str(self._snapshot)))[0]

    def _start(self) -> bool:
        return not self._plan.restart or self._run(self._plan.restart, "")

    def _current(self) -> str:
        """The version in place; empty: it is not told."""
        good, said = self._commands.run(self._plan.current)
        version = said.split()[-1].removeprefix("v") if good and said.split() else ""
        return version if is_plain(version) else ""

    def _is_well(self, version: str) -> bool:
        current = self._current()
        if current != version:
            log.warning("update: %s is in place, and not %s", current or "nothing", version)
            return False
        return not self._plan.verify or self._run(self._plan.verify, version)
