"""Carries one rollout on: what is known of its agents and tasks, what follows, and what that asks.

The state is saved before a task is submitted, and the task's id follows from the state: a hub that
is killed anywhere in between does the same again, and nothing twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Final

from fleet.contract.update_words import UpdateAction, UpdateOrder
from fleet.contract.work_vocabulary import BuiltInKind, MediaType, TaskState
from fleet.domain.rollout.advance import advanced, is_over
from fleet.domain.rollout.look import Look, TaskLook
from fleet.domain.rollout.rollout import Execution, Rollout, context_id, task_id
from fleet.domain.rollout.states import WITH_TASK, ExecutionState, RolloutState
from fleet.domain.work.errors import UnknownTaskError, WorkError, WrongStateError
from fleet.domain.work.task import Descriptor, Task
from fleet.store.rollout_port import RolloutStore, Whole
from fleet.work.blob_errors import BlobError
from fleet.work.caller import Caller
from fleet.work.requests import TaskRequest
from fleet.work.service import WorkService

BACK_ATTEMPTS: Final = 3
"""Attempts of a way back, which may be begun again; an install has one."""

AGAIN: Final = 10.0
"""Seconds until a task that could not be handed out is tried again."""

MOST_REFUSED: Final = 10_000
"""Of them that are remembered."""

_log = logging.getLogger(__name__)


class Driver:
    """Over a store and the work of a hub. `now`: the hub's time."""

    def __init__(self, store: RolloutStore, work: WorkService, now: Callable[[], float]) -> None:
        self._store = store
        self._work = work
        self._now = now
        self._refused: dict[str, tuple[float, str]] = {}
        """When a task could not be handed out, by `time.monotonic()`, and why; by its id."""

    async def carry_on(self, whole: Whole, looks: Mapping[str, Look]) -> Whole:
        """The rollout after all that follows now."""
        await self._ask(whole)
        tasks = await self._tasks(whole)
        rollout, executions = advanced(whole.rollout, whole.executions, looks, tasks, self._now())
        after = Whole(rollout, executions)
        if after == whole:
            return whole
        tell(whole, after)
        saved = await self._store.save(whole, after, over=is_over(rollout, executions))
        await self._ask(saved)
        return saved

    # --- tasks

    async def _tasks(self, whole: Whole) -> dict[str, TaskLook]:
        """What the tasks of those say that wait for one."""
        found = {}
        for one in whole.executions:
            if (one.state in WITH_TASK and one.installed is None) or (
                one.state is ExecutionState.ROLLING_BACK
            ):
                task = await self._task(whole.rollout, one)
                if task is not None and task.final:  # its submitter is us, and knows now
                    await self._work.store.acknowledge(task.by, [task.id], self._now())
                if task is not None:
                    found[one.agent] = TaskLook(
                        task.state, task.progress, task.attempt, task.reason, task.ended
                    )
        return found

    async def _task(self, rollout: Rollout, execution: Execution) -> Task | None:
        with suppress(UnknownTaskError):
            return await self._work.store.get(task_id(rollout, execution))
        return None

    async def _ask(self, whole: Whole) -> None:
        """Have each that is asked have its task, and none that nobody wants any more."""
        rollout = whole.rollout
        for one in whole.executions:
            if one.state not in (ExecutionState.PRECHECK, ExecutionState.ROLLING_BACK):
                continue
            task, id_ = await self._task(rollout, one), task_id(rollout, one)
            wanted = one.undos > 0 or rollout.state is not RolloutState.ABORTED
            at, why = self._refused.get(id_, (-AGAIN, ""))
            try:
                if task is None and wanted:
                    if time.monotonic() - at < AGAIN:
                        continue
                    await self._submit(rollout, one)
                    self._refused.pop(id_, None)
                elif task is not None and not wanted and task.state is TaskState.SUBMITTED:
                    await self._work.tasks.cancel(_caller(rollout), task.id)
            except (
                WorkError,
                BlobError,
            ) as error:  # again at the next look
                if isinstance(error, WrongStateError):
                    continue
                if str(error) != why:
                    _log.warning("rollout %s: %s: %s", rollout.id, one.agent, error)
                if len(self._refused) >= MOST_REFUSED:
                    self._refused.clear()
                self._refused[id_] = time.monotonic(), str(error)

    async def _submit(self, rollout: Rollout, execution: Execution) -> None:
        back = execution.undos > 0
        order = UpdateOrder(
            UpdateAction.ROLL_BACK if back else UpdateAction.INSTALL,
            execution.before if back else rollout.plan.version,
            rollout.id,
            rollout.plan.version if back else execution.before,
        ).to_json()
        caller, context = _caller(rollout), context_id(rollout, execution.group)
        digest = f"sha256:{sha256(order).hexdigest()}"
        await self._work.contents.put_blob(
            caller, context, digest, len(order), _once(order), execution.group
        )
        request = TaskRequest(
            task_id(rollout, execution),
            context,
            BuiltInKind.UPDATE.value,
            execution.group,
            execution.agent,
            (Descriptor(digest, len(order), MediaType.JSON),),
            ttl=rollout.plan.timeout,
            timeout=rollout.plan.timeout,
            max_attempts=BACK_ATTEMPTS if back else 1,
        )
        await self._work.tasks.submit(caller, request)


def tell(before: Whole, after: Whole) -> None:
    """What changed, in the log; a way back that failed, loudly."""
    rollout = after.rollout
    if rollout.state is not before.rollout.state:
        why = f" ({rollout.why})" if rollout.why else ""
        _log.warning("rollout %s to %s: %s%s", rollout.id, rollout.plan.version, rollout.state, why)
    for old, new in zip(before.executions, after.executions, strict=True):
        if old.state is new.state:
            continue
        reason = f" ({new.reason})" if new.reason else ""
        level = {
            ExecutionState.ROLLBACK_FAILED: logging.CRITICAL,
            ExecutionState.ROLLING_BACK: logging.WARNING,
            ExecutionState.ROLLED_BACK: logging.WARNING,
        }.get(new.state, logging.INFO)
        _log.log(
            level, "rollout %s to %s: %s is %s%s",
            rollout.id, rollout.plan.version, new.agent, new.state, reason,
        )  # fmt: skip


def _caller(rollout: Rollout) -> Caller:
    """In whose name its tasks are submitted."""
    return Caller(f"rollout {rollout.id}")


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
