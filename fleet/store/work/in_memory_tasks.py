"""`TaskTables` in plain memory: the same promises, found by looking through all there is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work import life
from fleet.domain.work.limits import KEPT_TOLD, KEPT_UNTOLD, MAX_KEPT, MAX_KINDS
from fleet.domain.work.task import Task
from fleet.store.work.tables import OTHER, Fill, Wanted
from fleet.store.work_records import Context, WorkCounts


@dataclass(slots=True)
class Stored:
    """A task with what is kept beside it."""

    task: Task
    number: int
    revision: int
    waits: int
    content: str


@dataclass
class InMemoryTasks:
    """See `TaskTables`."""

    rows: dict[str, Stored] = field(default_factory=dict)
    contexts: dict[str, Context] = field(default_factory=dict)
    numbers: int = 0
    revisions: int = 0
    attempts: int = 0
    expiries: int = 0
    ended: dict[TaskState, int] = field(default_factory=dict)
    seconds: dict[str, tuple[float, int]] = field(default_factory=dict)

    # One task

    def find(self, id_: str) -> Task | None:
        row = self.rows.get(id_)
        return row.task if row else None

    def content_of(self, id_: str) -> str:
        return self.rows[id_].content

    def insert(self, task: Task, waits: int, content: str) -> None:
        self.numbers += 1
        self.rows[task.id] = Stored(task, self.numbers, self._revision(), waits, content)

    def save(self, before: Task, after: Task, waits: int | None = None) -> None:
        row = self.rows[after.id]
        row.task, row.revision = after, self._revision()
        if waits is not None:
            row.waits = waits
        if before.state is TaskState.WORKING and after.epoch > before.epoch:
            self.expiries += 1
        if after.final and not before.final:
            self.ended[after.state] = self.ended.get(after.state, 0) + 1
            if after.state is TaskState.COMPLETED:
                full = len(self.seconds) >= MAX_KINDS and after.kind not in self.seconds
                kind = OTHER if full else after.kind
                total, runs = self.seconds.get(kind, (0.0, 0))
                took = (after.ended or 0.0) - (after.started or 0.0)
                self.seconds[kind] = total + max(0.0, took), runs + 1

    def _revision(self) -> int:
        self.revisions += 1
        return self.revisions

    # The queue

    def claim(self, agent: str, group: str, kinds: Sequence[str], now: float) -> Task | None:
        for before in self.offered(agent, group, kinds, now, 1):
            after = life.claimed(before, agent, now)
            self.attempts += 1
            self.save(before, after)
            return after
        return None

    def offered(
        self, agent: str, group: str, kinds: Sequence[str], now: float, limit: int
    ) -> list[Task]:
        ready = [
            row
            for row in self.rows.values()
            if row.task.state is TaskState.SUBMITTED
            and row.waits == 0
            and row.task.not_before <= now < row.task.expires
            and row.task.group == group
            and row.task.kind in kinds
            and row.task.to in ("", agent)
        ]
        ready.sort(key=lambda row: (-row.task.priority.rank, row.task.not_before, row.number))
        return [row.task for row in ready[:limit]]

    # Those that wait for others

    def states(self, ids: Collection[str], context: str) -> dict[str, TaskState]:
        found = (self.find(id_) for id_ in ids)
        return {task.id: task.state for task in found if task and task.context == context}

    def dependents(self, id_: str) -> list[Task]:
        return [row.task for row in self.rows.values() if id_ in row.task.after]

    def waits_less(self, id_: str) -> list[Task]:
        ready = []
        for row in self.rows.values():
            if id_ in row.task.after and row.waits:
                row.waits -= 1
                if not row.waits and row.task.state is TaskState.SUBMITTED:
                    ready.append(row.task)
        return ready

    # Lists

    def due(self, now: float, limit: int) -> list[Task]:
        found = [(at, task) for task in self._all() if (at := life.due(task)) is not None]
        found.sort(key=lambda each: each[0])
        return [task for at, task in found[:limit] if at <= now]

    def open_of(self, agent: str) -> list[Task]:
        def concerns(task: Task) -> bool:
            return task.to == agent or (task.state is TaskState.WORKING and task.holder == agent)

        return [task for task in self._all() if not task.final and concerns(task)]

    def opened_after(self, number: int, limit: int) -> list[tuple[int, Task]]:
        rows = (row for row in self.rows.values() if row.number > number and not row.task.final)
        return [(row.number, row.task) for row in islice(rows, limit)]

    def newest(self, wanted: Wanted, below: int | None, limit: int) -> list[tuple[int, Task]]:
        rows = (
            row
            for row in reversed(self.rows.values())
            if (below is None or row.number < below)
            and wanted.group in (None, row.task.group)
            and wanted.context in (None, row.task.context)
            and wanted.agent in (None, row.task.to, row.task.holder)
            and (not wanted.states or row.task.state in wanted.states)
        )
        return [(row.number, row.task) for row in islice(rows, limit)]

    def changed(self, group: str | None, after: int, limit: int) -> list[tuple[int, Task]]:
        rows = [
            row
            for row in self.rows.values()
            if row.revision > after and group in (None, row.task.group)
        ]
        rows.sort(key=lambda row: row.revision)
        return [(row.revision, row.task) for row in rows[:limit]]

    def untold(self, submitter: str, limit: int) -> list[Task]:
        found = [t for t in self._all() if t.by == submitter and t.final and not t.told]
        return sorted(found, key=lambda task: task.ended or 0.0)[:limit]

    # Figures

    def unapproved(self, submitter: str) -> int:
        return self._count(lambda t: t.by == submitter and t.state is TaskState.AUTH_REQUIRED)

    def submitted_in(self, submitter: str, context: str) -> bool:
        return any(t.by == submitter and t.context == context for t in self._all())

    def deepest_held(self, agent: str) -> int:
        held = (t for t in self._all() if t.state is TaskState.WORKING and t.holder == agent)
        return max((task.depth for task in held), default=-1)

    def context_tasks(self, id_: str) -> int:
        return self._count(lambda task: task.context == id_)

    def fill(self, group: str) -> Fill:
        queued = self._count(lambda t: t.group == group and t.state is TaskState.SUBMITTED)
        return Fill(queued, self._count(lambda task: task.group == group))

    def count_contexts(self, group: str) -> int:
        return sum(context.group == group for context in self.contexts.values())

    def counts(self, now: float) -> WorkCounts:
        open_: dict[TaskState, int] = {}
        for task in self._all():
            if not task.final:
                open_[task.state] = open_.get(task.state, 0) + 1
        waiting = (
            row.task.not_before
            for row in self.rows.values()
            if row.task.state is TaskState.SUBMITTED and not row.waits
        )
        oldest = min(waiting, default=None)
        return WorkCounts(
            open_,
            dict(self.ended),
            oldest if oldest is not None and oldest <= now else None,
            self.attempts,
            self.expiries,
            dict(self.seconds),
        )

    # Forgetting

    def gone(self, now: float, limit: int) -> list[Task]:
        def over(task: Task) -> bool:
            kept = KEPT_TOLD if task.told else KEPT_UNTOLD
            return task.ended is not None and task.ended <= now - kept

        found = list(islice(filter(over, self._all()), limit))
        if not found:
            groups = {task.group for task in self._all()}
            full = {group for group in groups if self.fill(group).kept > MAX_KEPT // 2}
            told = (t for t in self._all() if t.group in full and t.final and t.told)
            found = list(islice(told, limit))
        return found

    def _delete_rows(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            del self.rows[task.id]

    def _all(self) -> Iterable[Task]:
        return (row.task for row in self.rows.values())

    def _count(self, condition: Callable[[Task], bool]) -> int:
        return sum(map(condition, self._all()))
