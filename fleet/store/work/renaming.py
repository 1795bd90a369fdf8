"""An agent gets another name: its tasks, sessions, boards, grants and rollouts go with it, in the
transaction that moves its history. Its group stays: that is the registry's to say.
"""

from __future__ import annotations

from dataclasses import replace

from fleet.domain.work import submission
from fleet.domain.work.task import Task
from fleet.store.work.stored import AGENT
from fleet.store.work.tables import WorkTables


def rename(tables: WorkTables, old: str, new: str) -> None:
    """What is for `old`, held by it or from it is `new`'s: open tasks as changes that whoever
    follows them sees, all else at once."""
    for task in tables.open_naming(old):
        renamed = _renamed(task, old, new)
        same = tables.content_of(task.id) == submission.content(task)
        tables.save(task, renamed)
        if same:  # sent again under the new name it is the same task
            tables.set_content(task.id, submission.content(renamed))
    tables.rename_agent(old, new)
    tables.rename_in_rollouts(old, new)


def _renamed(task: Task, old: str, new: str) -> Task:
    return replace(
        task,
        to=new if task.to == old else task.to,
        holder=new if task.holder == old else task.holder,
        by=AGENT + new if task.by == AGENT + old else task.by,
    )
