"""Tasks and entries as rows of values, and back; each pair stands together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import BoardSection, MediaType, TaskReason, TaskState
from fleet.domain.work.task import Descriptor, Task
from fleet.store.work_records import Entry

Row = tuple[Any, ...]

PRIORITIES: Final = tuple(Priority)

TASK_COLUMNS: Final = {
    "id": "id",
    "group": "grp",
    "context": "context",
    "kind": "kind",
    "created": "created",
    "to": "addressee",
    "by": "submitter",
    "input": "input",
    "output": "output",
    "after": "needs",
    "parent": "parent",
    "depth": "depth",
    "priority": "priority",
    "ttl": "ttl",
    "timeout": "timeout",
    "max_attempts": "max_attempts",
    "expires": "expires",
    "state": "state",
    "attempt": "attempt",
    "epoch": "epoch",
    "holder": "holder",
    "lease_until": "lease_until",
    "not_before": "not_before",
    "started": "started",
    "ended": "ended",
    "progress": "progress",
    "reason": "reason",
    "cancel": "cancel",
    "told": "told",
}
"""Column by field, in the order of the fields of `Task`."""


def _descriptors(values: Iterable[Descriptor]) -> str:
    if not values:
        return ""
    rows = [[one.digest, one.size, one.media_type.value] for one in values]
    return json.dumps(rows, separators=(",", ":"))


def _parse_descriptors(text: str) -> tuple[Descriptor, ...]:
    if not text:
        return ()
    return tuple(
        Descriptor(digest, size, MediaType(type_)) for digest, size, type_ in json.loads(text)
    )


TO_COLUMN: Final[dict[str, Callable[[Any], Any]]] = {
    "input": _descriptors,
    "output": _descriptors,
    "after": " ".join,
    "priority": lambda priority: priority.rank,
    "state": lambda state: state.value,
    "reason": lambda reason: reason and reason.value,
    "cancel": int,
    "told": int,
}
"""How a field becomes a value, where it is not one already."""


def task_row(task: Task) -> Row:
    return (task.id, task.group, task.context, task.kind, task.created, task.to, task.by,
            _descriptors(task.input), _descriptors(task.output), " ".join(task.after), task.parent,
            task.depth, task.priority.rank, task.ttl, task.timeout, task.max_attempts, task.expires,
            task.state.value, task.attempt, task.epoch, task.holder, task.lease_until,
            task.not_before, task.started, task.ended, task.progress,
            task.reason and task.reason.value, int(task.cancel), int(task.told))  # fmt: skip


def task(row: Row) -> Task:
    (id_, group, context, kind, created, to, by, input_, output, after, parent, depth, priority,
     ttl, timeout, max_attempts, expires, state, attempt, epoch, holder, lease_until, not_before,
     started, ended, progress, reason, cancel, told) = row  # fmt: skip
    return Task(
        id_, group, context, kind, created, to, by, _parse_descriptors(input_),
        _parse_descriptors(output), tuple(after.split()), parent, depth, PRIORITIES[priority],
        ttl, timeout, max_attempts, expires, TaskState(state), attempt, epoch, holder, lease_until,
        not_before, started, ended, progress, TaskReason(reason) if reason else None,
        bool(cancel), bool(told),
    )  # fmt: skip


ENTRY_COLUMNS: Final = "context, section, name, version, digest, size, media_type, author, task, at"


def entry_row(entry: Entry) -> Row:
    one = entry.descriptor
    return (entry.context, entry.section.value, entry.name, entry.version, one.digest, one.size,
            one.media_type.value, entry.author, entry.task, entry.at)  # fmt: skip


def entry(row: Row) -> Entry:
    context, section, name, version, digest, size, media_type, author, task_, at = row
    descriptor = Descriptor(digest, size, MediaType(media_type))
    return Entry(context, BoardSection(section), name, version, descriptor, author, task_, at)
