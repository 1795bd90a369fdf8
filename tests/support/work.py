"""Tasks, contexts and blobs for tests of work by reference."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from fleet.contract.work_vocabulary import TaskReason, TaskState
from fleet.domain.work.task import Descriptor, Task
from fleet.store.work_port import WorkStore
from fleet.store.work_records import Changed
from tests.support.telemetry import NOON

QUOTA: Final = 10**9
CONTEXT: Final = "01JQ000000000000000000C001"
ELSEWHERE: Final = "01JQ000000000000000000C002"


def task_id(number: int) -> str:
    return f"01JQ0000000000000000{number:06}"


def asked(number: int, **fields: Any) -> Task:
    """A task as somebody would submit it."""
    base = Task(task_id(number), "lab", CONTEXT, "research", 0.0, by="agent:boss")
    return replace(base, **fields)


def blob(text: str) -> Descriptor:
    """What names a content, without it."""
    return Descriptor(f"sha256:{sha256(text.encode()).hexdigest()}", len(text))


async def keep(
    work: WorkStore, *blobs: Descriptor, context: str = CONTEXT, now: float = NOON
) -> None:
    """Say that these were stored for a context, which is opened where it is not."""
    group = "lab" if context == CONTEXT else "office"
    await work.open_context(context, group, now)
    for one in blobs:
        await work.add_blob(context, one.digest, one.size, QUOTA, now)


async def submitted(work: WorkStore, number: int, now: float = NOON, **fields: Any) -> Task:
    task, new = await work.submit(asked(number, **fields), now)
    assert new
    return task


async def claimed(
    work: WorkStore, agent: str = "larry", now: float = NOON, group: str = "lab"
) -> Task:
    task = await work.claim(agent, group, ["research"], now)
    assert task is not None
    return task


async def ended(
    work: WorkStore,
    task: Task,
    state: TaskState = TaskState.COMPLETED,
    *output: Descriptor,
    reason: TaskReason | None = None,
    now: float = NOON,
) -> Changed:
    return await work.finish(task.id, task.holder, task.epoch, state, output, reason, now)
