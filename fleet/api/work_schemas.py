"""Bodies of work by reference: ids, states and digests, and no text that is free."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from fleet.api.schemas import AgentName, Word
from fleet.contract import patterns
from fleet.contract.fields import Digest, Maybe, Shape, Ulid
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import (
    ENTRY_NAME,
    GROUP_NAME,
    TASK_KIND,
    BoardSection,
    MediaType,
    TaskReason,
    TaskState,
)
from fleet.domain.work import task as defaults
from fleet.domain.work.limits import (
    ATTEMPTS,
    MAX_AFTER,
    MAX_DESCRIPTORS,
    MAX_SIZE,
    TIMEOUTS,
    TTLS,
)
from fleet.domain.work.task import Descriptor, Task
from fleet.store.work_records import Entry
from fleet.work.requests import TaskRequest

Group = Annotated[str, Field(pattern=patterns.anchored(GROUP_NAME))]
TaskKind = Annotated[str, Field(pattern=patterns.anchored(TASK_KIND))]
EntryName = Annotated[str, Field(pattern=patterns.anchored(ENTRY_NAME))]
Epoch = Annotated[int, Field(ge=1, le=2**31 - 1)]


class DescriptorBody(Shape):
    """A reference to content; no name, annotation or address."""

    digest: Annotated[Digest, Field(description="what its SHA-256 is")]
    size: Annotated[int, Field(ge=0, le=MAX_SIZE, description="bytes")]
    media_type: Annotated[MediaType, Word, Field(description="of a closed list")] = MediaType.BYTES

    def value(self) -> Descriptor:
        return Descriptor(self.digest, self.size, self.media_type)


Descriptors = Annotated[list[DescriptorBody], Field(max_length=MAX_DESCRIPTORS)]


def values(given: list[DescriptorBody]) -> tuple[Descriptor, ...]:
    return tuple(one.value() for one in given)


class TaskBody(Shape):
    """A piece of work; what it is about stands in blobs that it names."""

    id: Annotated[Ulid, Field(description="made by the caller: the same again is the same task")]
    context: Annotated[Ulid, Field(description="the session whose board it uses; new: opened")]
    kind: Annotated[TaskKind, Field(description="what an enrolment lists, or a kind built in")]
    group: Annotated[Maybe[Group], Field(description="absent: the caller's, or that of `to`")] = (
        None
    )
    to: Annotated[Maybe[AgentName], Field(description="this agent; absent: whoever can")] = None
    input: Annotated[Descriptors, Field(default_factory=list, description="what it works on")]
    after: Annotated[
        list[Ulid],
        Field(
            default_factory=list, max_length=MAX_AFTER, description="tasks that must complete first"
        ),
    ]
    parent: Annotated[Maybe[Ulid], Field(description="the task that delegates it")] = None
    priority: Annotated[Priority, Word, Field(description="order among waiting ones")] = (
        Priority.NORMAL
    )
    ttl: Annotated[float, Field(ge=TTLS[0], le=TTLS[1], description="seconds to live")] = (
        defaults.TTL
    )
    timeout: Annotated[
        float, Field(ge=TIMEOUTS[0], le=TIMEOUTS[1], description="seconds an attempt may take")
    ] = defaults.TIMEOUT
    max_attempts: Annotated[
        int, Field(ge=ATTEMPTS[0], le=ATTEMPTS[1], description="attempts until it is lost")
    ] = defaults.MAX_ATTEMPTS

    def value(self) -> TaskRequest:
        return TaskRequest(
            self.id, self.context, self.kind, self.group, self.to or "", values(self.input),
            tuple(self.after), self.parent, self.priority, self.ttl, self.timeout,
            self.max_attempts,
        )  # fmt: skip


class RenewBody(Shape):
    """The worker goes on."""

    epoch: Annotated[Epoch, Field(description="the claim's")]
    progress: Annotated[int, Field(ge=0, le=100, description="of 100")] = 0
    result: Annotated[
        bool,
        Field(description="nothing runs any more, what was made waits: a lease over is given back"),
    ] = False


class CompleteBody(Shape):
    """The work is done; each output was put before."""

    epoch: Annotated[Epoch, Field(description="the claim's")]
    output: Annotated[Descriptors, Field(default_factory=list, description="what came of it")]


ENDS: Final = (
    TaskState.FAILED, TaskState.REJECTED, TaskState.CANCELED, TaskState.INPUT_REQUIRED,
)  # fmt: skip


class FailBody(Shape):
    """The attempt is over without a result."""

    epoch: Annotated[Epoch, Field(description="the claim's")]
    state: Annotated[
        TaskState,
        Word,
        Field(description="failed; rejected: not here; canceled; input-required: a question"),
    ] = TaskState.FAILED
    reason: Annotated[Maybe[Annotated[TaskReason, Word]], Field(description="why, in a word")] = (
        None
    )
    output: Annotated[
        Descriptors, Field(default_factory=list, description="what there is, such as the question")
    ]


class InputBody(Shape):
    """The answer to a task that asked."""

    input: Annotated[Descriptors, Field(description="added to what it works on")]


class ApproveBody(Shape):
    """A person's word on a task for another group."""

    approved: Annotated[bool, Field(description="false: it is rejected")] = True


class EntryBody(Shape):
    """An entry of a board: which content, and the task whose worker wrote it."""

    descriptor: Annotated[DescriptorBody, Field(description="content that was put before")]
    task: Annotated[Maybe[Ulid], Field(description="the task that the caller holds")] = None


def described_task(task: Task) -> dict[str, Any]:
    """A task for JSON; times are UTC, what is not known is null."""
    return {
        "id": task.id,
        "group": task.group,
        "context": task.context,
        "kind": task.kind,
        "to": task.to or None,
        "by": task.by,
        "state": task.state.value,
        "reason": task.reason.value if task.reason else None,
        "progress": task.progress,
        "attempt": task.attempt,
        "max_attempts": task.max_attempts,
        "epoch": task.epoch,
        "holder": task.holder or None,
        "lease_until": _time(task.lease_until),
        "cancel": task.cancel,
        "priority": task.priority.value,
        "created": _time(task.created),
        "not_before": _time(task.not_before or None),
        "started": _time(task.started),
        "ended": _time(task.ended),
        "ttl": task.ttl,
        "timeout": task.timeout,
        "after": list(task.after),
        "parent": task.parent,
        "depth": task.depth,
        "input": [described_descriptor(one) for one in task.input],
        "output": [described_descriptor(one) for one in task.output],
        "told": task.told,
    }


def described_descriptor(one: Descriptor) -> dict[str, Any]:
    return {"digest": one.digest, "size": one.size, "media_type": one.media_type.value}


def described_entry(entry: Entry) -> dict[str, Any]:
    """One version of an entry for JSON."""
    return {
        "context": entry.context,
        "section": entry.section.value,
        "name": entry.name,
        "version": entry.version,
        "descriptor": described_descriptor(entry.descriptor),
        "author": entry.author,
        "task": entry.task or None,
        "ts": timestamp(entry.at),
    }


def _time(at: float | None) -> str | None:
    return None if at is None else timestamp(at)


SECTIONS: Final = tuple(section.value for section in BoardSection)
