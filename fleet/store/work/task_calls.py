"""What each call about tasks does, inside one transaction: first all that may be wrong, then the
rows, by the rules of `fleet.domain.work`. See `fleet.store.work_port` for what they promise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

from fleet.contract.work_vocabulary import TaskReason, TaskState
from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.work import life, submission
from fleet.domain.work.errors import (
    ConflictError,
    TooManyError,
    UnknownContextError,
    UnknownTaskError,
)
from fleet.domain.work.limits import (
    KEPT_BLOB,
    MAX_CONTEXT_TASKS,
    MAX_DESCRIPTORS,
    MAX_KEPT,
    MAX_KINDS,
    MAX_QUEUED,
    MAX_UNAPPROVED,
)
from fleet.domain.work.progress_report import ProgressReport
from fleet.domain.work.task import Descriptor, Task
from fleet.store.work.stored import AGENT, require_readable, require_stored
from fleet.store.work.tables import Needs, WorkTables
from fleet.store.work_records import Changed, Context

CHUNK: Final = 500
"""Rows a step of upkeep: some 10 ms."""


def find(tables: WorkTables, id_: str, group: str | None = None) -> Task:
    task = tables.find(id_)
    if task is None or group not in (None, task.group):
        raise UnknownTaskError(id_)
    return task


# Submission


def submit(tables: WorkTables, asked: Task, now: float) -> tuple[Task, bool]:
    submission.require_valid(asked)
    content = submission.content(asked)
    known = tables.find(asked.id)
    if known is not None:
        if tables.content_of(asked.id) != content:
            raise ConflictError(asked.id)
        return known, False
    context = tables.context(asked.context)
    if context is not None and context.group != asked.group:
        raise UnknownContextError(asked.context)
    _require_inputs(tables, asked, context, now)
    depth = _depth(tables, asked)
    waits = _waits(tables, asked)
    _require_room(tables, asked)
    task = submission.begun(asked, depth, now)
    if context is None:
        tables.open_context(Context(task.context, task.group, now))
    if task.state is not TaskState.AUTH_REQUIRED:
        tables.join(task.context, task.by)
    tables.insert(task, waits or 0, content)
    if waits is None:
        task = _save(tables, task, life.broken(task, now))
    return task, True


def needs_of(asked: Task) -> Needs:
    """Of `submit`."""
    tasks = () if asked.parent is None else (asked.parent,)
    holder = asked.by.removeprefix(AGENT) if asked.by.startswith(AGENT) else ""
    return Needs(asked.id, tasks=tasks, context=asked.context, group=asked.group, holder=holder)


def _require_inputs(tables: WorkTables, asked: Task, context: Context | None, now: float) -> None:
    """For its own group a task takes what its context has; for another one, what is its
    submitter's, in a context that nobody of that group uses."""
    if asked.state is not TaskState.AUTH_REQUIRED:
        require_stored(tables, "input", asked.input, asked.context)
        return
    if context is not None and not tables.submitted_in(asked.by, asked.context):
        raise UnknownContextError(asked.context)
    require_readable(tables, "input", asked.input, asked.by, now)


def _depth(tables: WorkTables, asked: Task) -> int:
    """How often it was delegated. An agent that names no parent, and works, is taken to delegate:
    to leave the parent out is no way around the bound."""
    ancestors: list[Task] = []
    next_ = asked.parent
    while next_ is not None and len(ancestors) <= MAX_DESCRIPTORS:
        parent = tables.find(next_)
        if parent is None:
            break
        ancestors.append(parent)
        next_ = parent.parent
    if asked.parent is not None and not ancestors:
        raise UnknownTaskError(asked.parent)
    submission.require_acyclic(asked, ancestors)
    depth = ancestors[0].depth + 1 if ancestors else 0
    if asked.by.startswith(AGENT):
        depth = max(depth, tables.deepest_held(asked.by.removeprefix(AGENT)) + 1)
    submission.require_depth(depth)
    return depth


def _waits(tables: WorkTables, task: Task) -> int | None:
    if not task.after:
        return 0
    states = tables.states(task.after, task.context)
    for other in task.after:
        if other not in states:
            raise UnknownTaskError(other)
    return life.waits(states.values())


def _require_room(tables: WorkTables, task: Task) -> None:
    waits_for_a_person = task.state is TaskState.AUTH_REQUIRED
    if waits_for_a_person and tables.unapproved(task.by) >= MAX_UNAPPROVED:
        raise TooManyError("tasks of yours that nobody has approved", MAX_UNAPPROVED)
    if tables.context_tasks(task.context) >= MAX_CONTEXT_TASKS:
        raise TooManyError("tasks in this context", MAX_CONTEXT_TASKS, "open another context")
    fill = tables.fill(task.group)
    if not waits_for_a_person and fill.queued >= MAX_QUEUED:
        raise TooManyError("tasks of this group that wait", MAX_QUEUED, "wait, or cancel some")
    if fill.kept >= MAX_KEPT:
        raise TooManyError("tasks of this group", MAX_KEPT, "acknowledge those that have ended")


def _require_queue(tables: WorkTables, group: str) -> None:
    if tables.fill(group).queued >= MAX_QUEUED:
        raise TooManyError("tasks of this group that wait", MAX_QUEUED, "wait, or cancel some")


# A step of one task, and what follows for others


def _save(tables: WorkTables, before: Task, after: Task, waits: int | None = None) -> Task:
    if after is not before:
        tables.save(before, after, waits)
    return after


def _change(tables: WorkTables, before: Task, after: Task, now: float) -> Changed:
    """Save a step, and let those that waited for this task start, or end with it."""
    if after is before:
        return Changed(after)
    _save(tables, before, after)
    if not after.final:
        return Changed(after)
    if after.state is TaskState.COMPLETED:
        return Changed(after, tuple(tables.waits_less(after.id)))
    return Changed(after, tuple(_break_dependents(tables, after, now)))


def _break_dependents(tables: WorkTables, ended: Task, now: float) -> list[Task]:
    """End all that can never start now: at most the tasks of one context."""
    found: list[Task] = []
    waiting = [ended]
    while waiting:
        for dependent in tables.dependents(waiting.pop().id):
            if not dependent.final:
                gone = _save(tables, dependent, life.broken(dependent, now))
                found.append(gone)
                waiting.append(gone)
    return found


def known_kinds(kinds: Collection[str]) -> list[str]:
    return sorted(set(kinds))[:MAX_KINDS]


def renew(
    tables: WorkTables,
    id_: str,
    agent: str,
    epoch: int,
    progress: int,
    now: float,
    *,
    result: bool = False,
) -> Task:
    before = find(tables, id_)
    return _save(tables, before, life.renewed(before, agent, epoch, progress, now, result=result))


def hear(tables: WorkTables, reports: Iterable[ProgressReport]) -> None:
    """Enter what agents said on the bus of tasks that they hold; all else changes nothing."""
    for one in reports:
        before = tables.find(one.task)
        if before is not None:
            _save(tables, before, life.heard(before, one.agent, one.epoch, one.progress))


class End(NamedTuple):
    """What a worker says of how its attempt ended."""

    agent: str
    epoch: int
    state: TaskState
    output: tuple[Descriptor, ...]
    reason: TaskReason | None


def finish(tables: WorkTables, id_: str, end: End, now: float) -> Changed:
    before = find(tables, id_)
    after = life.finished(before, *end, now)
    if after is not before:
        require_stored(tables, "output", end.output, before.context)
    return _change(tables, before, after, now)


Step = Callable[[Task], Task]


def change(tables: WorkTables, id_: str, group: str | None, step: Step, now: float) -> Changed:
    """Take a task through `step`, whatever follows."""
    before = find(tables, id_, group)
    return _change(tables, before, step(before), now)


def give_input(
    tables: WorkTables, id_: str, group: str | None, more: Sequence[Descriptor], now: float
) -> Changed:
    before = find(tables, id_, group)
    after = life.answered(before, more, now)
    submission.require_descriptors("input", after.input)
    require_stored(tables, "input", more, after.context)
    return _change(tables, before, after, now)


def approve(tables: WorkTables, id_: str, approved: bool, now: float) -> Changed:
    before = find(tables, id_)
    if not approved:
        return _change(tables, before, life.refused(before, now), now)
    after = life.approved(before, now)
    _require_queue(tables, after.group)
    context = tables.context(after.context)
    for one in after.input if context else ():
        if context and tables.blob_size(one.digest, context.id) is None:
            tables.put_blob(context, one.digest, one.size, now + KEPT_BLOB)
    return _change(tables, before, after, now)


def retry(tables: WorkTables, id_: str, now: float) -> Changed:
    before = find(tables, id_)
    after = life.retried(before, now)
    _require_queue(tables, after.group)
    waits = _waits(tables, after)
    _save(tables, before, after, waits or 0)
    if waits is None:
        return _change(tables, after, life.broken(after, now), now)
    return Changed(after)


# Time


def expire(tables: WorkTables, now: float, limit: int) -> list[Task]:
    due = tables.due(now, limit)
    return _change_all(tables, due, lambda task: life.expired(task, now), now)


def agent_gone(tables: WorkTables, agent: str, now: float) -> list[Task]:
    tables.end_grants(agent)
    its = tables.open_of(agent)
    return _change_all(tables, its, lambda task: life.deserted(task, agent, now), now)


def _change_all(tables: WorkTables, tasks: list[Task], step: Step, now: float) -> list[Task]:
    changed: dict[str, Task] = {}
    for task in tasks:
        if task.id in changed:  # it ended with another one
            continue
        one, others = _change(tables, task, step(task), now)
        changed |= {each.id: each for each in (one, *others)}
    return list(changed.values())


def restamp(tables: WorkTables, step: ClockStep, after: int) -> int | None:
    """A chunk of the open tasks behind the number `after`; the last one's, None: that was all."""
    found = tables.opened_after(after, CHUNK)
    for _number, task in found:
        moved = life.restamped(task, step)
        if moved != task:
            tables.save(task, moved)
    return found[-1][0] if len(found) == CHUNK else None


def acknowledge(tables: WorkTables, submitter: str, ids: Collection[str]) -> int:
    count = 0
    for id_ in dict.fromkeys(ids):
        task = tables.find(id_)
        if task is not None and task.by == submitter and task.final and not task.told:
            _save(tables, task, life.told(task))
            count += 1
    return count


def forget(tables: WorkTables, now: float) -> bool:
    """A step of upkeep; whether more is left."""
    gone = tables.gone(now, CHUNK)
    if gone:
        tables.delete(gone)
    return tables.forget(now, CHUNK) or len(gone) == CHUNK
