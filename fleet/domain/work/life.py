"""The life of a task, from its submission to its end; `steps` has the table of all changes.

Nobody holds a task without an end of the lease, and no lease reaches beyond the time-out or the
time to live: whatever its worker, its sidecar or the hub does, a task that is not final moves on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final
from zlib import crc32

from fleet.contract.backoff import Backoff
from fleet.contract.work_vocabulary import FINAL, TaskReason, TaskState
from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.work.errors import StaleEpochError, WrongStateError
from fleet.domain.work.steps import Step, moved
from fleet.domain.work.task import LEASE, Descriptor, Task

GRACE: Final = 20.0
"""Seconds beyond an attempt's time-out in which its sidecar may say how it ended: a renewal's."""
FIRST_WAIT: Final = 5.0
"""Seconds, at most, before a second attempt: what failed by chance is soon done."""
LONGEST_WAIT: Final = 600.0
"""Seconds, at most, before any attempt: what fails for long costs next to nothing."""


UNMENDABLE: Final = frozenset(
    {
        TaskReason.WRONG_VERSION, TaskReason.KIND_UNKNOWN, TaskReason.ISOLATION_UNAVAILABLE,
        TaskReason.VERSION_REFUSED, TaskReason.NO_UPDATE_PLAN, TaskReason.ALREADY_CURRENT,
        TaskReason.SNAPSHOT_FAILED, TaskReason.ROLLED_BACK, TaskReason.ROLLBACK_FAILED,
    }
)  # fmt: skip
"""Why an attempt failed that another one would fail for, too."""


# A worker's steps


def claimed(task: Task, agent: str, now: float) -> Task:
    """The lease goes to `agent`; the attempt is counted before anything starts."""
    return moved(
        task, Step.CLAIM, now,
        attempt=task.attempt + 1, epoch=task.epoch + 1, holder=agent, started=now,
        lease_until=lease_end(task, now, now), progress=0, reason=None,
    )  # fmt: skip


def lease_end(task: Task, started: float, now: float) -> float:
    """Until when a lease of an attempt that `started` then holds, given or renewed now."""
    return min(now + LEASE, started + task.timeout + GRACE, task.expires)


def heard(task: Task, agent: str, epoch: int, progress: int) -> Task:
    """The task once `agent` said on the bus how far it is. That may come late and twice, and shows
    nobody alive: the lease stays as it is, and progress never goes back."""
    holds = task.state is TaskState.WORKING and (task.holder, task.epoch) == (agent, epoch)
    return replace(task, progress=progress) if holds and progress > task.progress else task


def renewed(
    task: Task, agent: str, epoch: int, progress: int, now: float, *, result: bool = False
) -> Task:
    """The task with a longer lease. One that ran out is given back only for a `result`, which waits
    to be handed over: a worker that lives may have slept, and counts its lease from another moment.

    Raises:
        StaleEpochError, WrongStateError: the lease is not this agent's.
    """
    if result:
        task = _taken_up(task, agent, epoch, now)
    task = _in_hand(task, agent, epoch, Step.RENEW)
    until = task.lease_until or now
    if not task.cancel:
        until = max(until, lease_end(task, task.started or now, now))
    return moved(
        task, Step.RENEW, now, progress=max(task.progress, min(100, progress)), lease_until=until
    )


def finished(
    task: Task,
    agent: str,
    epoch: int,
    state: TaskState,
    output: Sequence[Descriptor],
    reason: TaskReason | None,
    now: float,
) -> Task:
    """The task after its worker said how it ended; itself where that was said before.

    Raises:
        StaleEpochError, WrongStateError: the lease is not this agent's.
    """
    outputs = tuple(output)
    if _said_before(task, agent, epoch, state, outputs):
        return task
    task = _in_hand(_taken_up(task, agent, epoch, now), agent, epoch, Step.COMPLETE)
    match state:
        case TaskState.COMPLETED:
            done = {"output": outputs, "progress": 100, "reason": None}
            return moved(task, Step.COMPLETE, now, **done)
        case TaskState.INPUT_REQUIRED:
            return moved(task, Step.ASK, now, output=outputs, reason=reason)
        case TaskState.REJECTED:
            return moved(task, Step.REJECT, now, reason=reason)
        case TaskState.CANCELED if task.cancel:
            return moved(task, Step.CANCEL, now, reason=TaskReason.CANCEL_ASKED)
        case TaskState.FAILED:
            return _attempt_failed(task, reason or TaskReason.WORKER_EXIT, now, output=outputs)
    raise WrongStateError(task.id, task.state, f"finish as {state}")


def _said_before(
    task: Task, agent: str, epoch: int, state: TaskState, output: tuple[Descriptor, ...]
) -> bool:
    """Whether this end of this attempt is what brought the task where it is."""
    if (task.holder, task.epoch) != (agent, epoch) or task.state is TaskState.WORKING:
        return False
    if state is TaskState.COMPLETED:
        return task.state is state and task.output == output
    tried_again = task.state is TaskState.SUBMITTED and task.reason is not None
    return task.state is state or (state is TaskState.FAILED and tried_again)


def _taken_up(task: Task, agent: str, epoch: int, now: float) -> Task:
    """The task with the lease given back where it was this agent's, ran out, and nobody has claimed
    the task since: what was made under it is not made again. It has the epoch under which the agent
    knows it, which was nobody else's; the next claim has a higher one all the same."""
    ran_out = task.state is TaskState.SUBMITTED and task.reason is TaskReason.LEASE_EXPIRED
    if ran_out and (task.holder, task.epoch) == (agent, epoch + 1) and now < task.expires:
        until = min(now + LEASE, task.expires)  # beyond the time-out, too, but once: see `expired`
        return moved(task, Step.RESUME, now, epoch=epoch, lease_until=until, reason=None)
    return task


def _in_hand(task: Task, agent: str, epoch: int, step: Step) -> Task:
    """
    Raises:
        StaleEpochError, WrongStateError: the lease is not this agent's.
    """
    if (task.epoch, task.holder) != (epoch, agent):
        raise StaleEpochError(task.id, epoch, task.epoch)
    if task.state is not TaskState.WORKING:
        raise WrongStateError(task.id, task.state, step.value)
    return task


def _attempt_failed(task: Task, reason: TaskReason, now: float, **changes: Any) -> Task:
    """Again, after a while, as long as there are attempts left: a loop of crashes ends here."""
    if task.cancel:
        return moved(task, Step.CANCEL, now, reason=TaskReason.CANCEL_ASKED)
    if task.attempt < task.max_attempts and reason not in UNMENDABLE:
        not_before = now + wait_after(task)
        return moved(task, Step.AGAIN, now, not_before=not_before, reason=reason)
    end = Step.LOSE if reason is TaskReason.LEASE_EXPIRED else Step.FAIL
    return moved(task, end, now, reason=reason, **changes)


def wait_after(task: Task) -> float:
    """Seconds from the failure of the present attempt to the next; the same whenever one asks."""
    chance = crc32(f"{task.id} {task.attempt}".encode()) / 2**32
    backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, chance=lambda: chance)
    backoff.failures = task.attempt - 1
    return backoff.failed(0.0)


# What others do


def canceled(task: Task, now: float) -> Task:
    """Called off: at once if nobody works at it, else its worker is told. Again: as it is.

    Raises:
        WrongStateError: it has ended otherwise.
    """
    if task.state is TaskState.CANCELED or task.cancel:
        return task
    if task.state is TaskState.WORKING:
        return moved(task, Step.FLAG, now, cancel=True)
    return moved(task, Step.CANCEL, now, reason=TaskReason.CANCEL_ASKED)


def answered(task: Task, more: Sequence[Descriptor], now: float) -> Task:
    """The attempt that asked is not counted: to ask is no failure."""
    return moved(
        task, Step.ANSWER, now,
        input=(*task.input, *more), attempt=task.attempt - 1, not_before=now, reason=None,
    )  # fmt: skip


def approved(task: Task, now: float) -> Task:
    return moved(task, Step.APPROVE, now, not_before=now)


def refused(task: Task, now: float) -> Task:
    return moved(task, Step.REFUSE, now, reason=TaskReason.NOT_APPROVED)


def broken(task: Task, now: float) -> Task:
    """A task that must come first ended other than `completed`."""
    return moved(task, Step.BREAK, now, reason=TaskReason.DEPENDENCY_FAILED)


def retried(task: Task, now: float) -> Task:
    """A new life: nothing of the old one but its epoch, so that its workers stay refused."""
    return moved(
        task, Step.RETRY, now,
        attempt=0, epoch=task.epoch + 1, not_before=now, expires=now + task.ttl, started=None,
        ended=None, progress=0, reason=None, output=(), told=False,
    )  # fmt: skip


def deserted(task: Task, agent: str, now: float) -> Task:
    """`agent` was revoked: what was for nobody else ends, and what it worked at is another's."""
    held = task.state is TaskState.WORKING and task.holder == agent
    if held:
        task = replace(task, epoch=task.epoch + 1)
    if task.to == agent:
        return moved(task, Step.GONE, now, reason=TaskReason.AGENT_GONE)
    return _attempt_failed(task, TaskReason.AGENT_GONE, now) if held else task


def told(task: Task) -> Task:
    """Its submitter has acknowledged its end."""
    return replace(task, told=True)


# Time


def due(task: Task) -> float | None:
    """When time alone changes the task, see `expired`; None: it is final."""
    if task.final:
        return None
    if task.state is TaskState.WORKING:
        return task.lease_until
    return task.expires


def expired(task: Task, now: float) -> Task:
    """The task after what time alone did to it; itself if that is nothing yet."""
    end = due(task)
    if end is None or now < end:
        return task
    if task.state is not TaskState.WORKING:
        return moved(task, Step.TTL_OVER, now, reason=TaskReason.TTL_OVER)
    task = replace(task, epoch=task.epoch + 1)  # whoever held it is too late from now on
    if task.cancel:
        return moved(task, Step.CANCEL, now, reason=TaskReason.CANCEL_ASKED)
    if now >= task.expires:
        return moved(task, Step.TTL_OVER, now, reason=TaskReason.TTL_OVER)
    timed_out = task.started is not None and now >= task.started + task.timeout
    return _attempt_failed(
        task, TaskReason.WORKER_TIMEOUT if timed_out else TaskReason.LEASE_EXPIRED, now
    )


def restamped(task: Task, step: ClockStep) -> Task:
    """The hub's stamps moved: what was to last so long lasts as long."""
    begun = task.expires - task.ttl
    lease = None if task.lease_until is None else step.moved(task.lease_until - LEASE) + LEASE
    return replace(
        task,
        created=step.moved(task.created),
        expires=step.moved(begun) + task.ttl,
        started=None if task.started is None else step.moved(task.started),
        not_before=step.moved(task.not_before),
        lease_until=lease,
    )


def waits(needs: Iterable[TaskState]) -> int | None:
    """How many of the tasks in these states must still be completed; None: one never will."""
    count = 0
    for state in needs:
        if state in FINAL and state is not TaskState.COMPLETED:
            return None
        count += state is not TaskState.COMPLETED
    return count
