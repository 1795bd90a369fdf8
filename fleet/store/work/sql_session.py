"""The tasks of one transaction: what calls ask for is read by the set, and so written.

Calls that share a transaction each look at a task and change it. `expect` reads in one go what all
of them will look at. What they change gathers here, where those that follow see it, and is written
together: one statement for all that are new, one for all that changed in the same fields. Whatever
else is asked has them written before. So of a call that is refused before it changed anything
nothing is to be undone, and `writes` tells whether it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Final

from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.task import Task
from fleet.store.work.rows import TASK_COLUMNS, TO_COLUMN, Row, task, task_row
from fleet.store.work.sql_numbers import KINDS, LOCK, SqlNumbers
from fleet.store.work.statements import Question, Statements
from fleet.store.work.tables import Needs

COLUMNS: Final = ", ".join(TASK_COLUMNS.values())
_INSERTED: Final = (*TASK_COLUMNS.values(), "waits", "content", "revision")
_MUTABLE: Final = (
    "created", "to", "by", "input", "output", "expires", "state", "attempt", "epoch", "holder",
    "lease_until", "not_before", "started", "ended", "progress", "reason", "cancel", "told",
)  # fmt: skip
_mutable: Final = attrgetter(*_MUTABLE)

BESIDE: Final = {
    "task_after": ("needs", "task"),
    "blob_use": ("context", "owner", "digest", "made"),
    "context_member": ("context", "member"),
}
"""Tables whose rows are their keys, and gather as tasks do: to enter one again changes nothing."""


EXPECTED: Final = 1000
"""Tasks that are read at once."""


Asked = tuple[Question, Callable[[list[Row]], None]]
"""A question, and what to do with its rows."""


@dataclass(slots=True)
class Change:
    """What is to be written of a task; `before`: as the database has it, None: it is new."""

    before: Task | None
    after: Task
    revision: int
    waits: int | None
    content: str = ""

    def new_row(self) -> Row:
        return (*task_row(self.after), self.waits, self.content, self.revision)

    def difference(self) -> tuple[tuple[str, ...], Row]:
        """Columns and their new values, then the id."""
        both = zip(_MUTABLE, _mutable(self.before), _mutable(self.after), strict=True)
        fields = [(field, now) for field, was, now in both if was != now]
        columns = [TASK_COLUMNS[field] for field, _ in fields]
        values = [
            TO_COLUMN[field](value) if field in TO_COLUMN else value for field, value in fields
        ]
        if self.waits is not None:
            columns.append("waits")
            values.append(self.waits)
        return (*columns, "revision"), (*values, self.revision, self.after.id)


class SqlSession:
    """See `TaskTables`, of which this is what concerns one task by its id."""

    def __init__(self, sql: Statements) -> None:
        self._sql = sql
        self.numbers = SqlNumbers(sql)
        self.writes = 0
        """Grows with everything that is changed."""
        self._changes: dict[str, Change] = {}
        self._beside: dict[str, dict[Row, None]] = {}
        self._known: dict[str, Task | None] = {}
        self._awaited: dict[str, bool] = {}
        """Whether tasks wait for this one."""
        self._deepest: dict[str, int] = {}
        """By agent."""

    # Statements

    def _run(self, statement: str, values: Sequence[Any]) -> list[Row]:
        self.write_gathered()
        if not statement.startswith("SELECT"):
            self.writes += 1
            self._forget()
        return self._sql.run(statement, values)

    def _aside(self, statement: str, values: Sequence[Any]) -> list[Row]:
        """`_run` for what neither reads nor changes anything that gathers here."""
        self.writes += not statement.startswith("SELECT")
        return self._sql.run(statement, values)

    def _enter(self, table: str, *row: Any) -> None:
        """A row of `BESIDE`."""
        self.writes += 1
        self._beside.setdefault(table, {})[row] = None

    def _forget(self) -> None:
        """A statement changed what it liked: all is to be read anew."""
        self._known.clear()
        self._awaited.clear()
        self._deepest.clear()

    def expect(self, calls: Iterable[Needs]) -> None:
        """Read what these calls will ask for; what is not expected is read when they do."""
        self.write_gathered()
        self._ask(self._questions(list(calls)))

    def _questions(self, needs: Sequence[Needs]) -> list[Asked]:
        asked: list[Asked] = []
        numbers = self.numbers
        if any(one.task or one.tasks for one in needs) and not numbers.is_locked:
            asked.append((LOCK, numbers.locked))
        ids = {id_ for one in needs for id_ in (one.task, *one.tasks) if id_} - self._known.keys()
        if first := [*ids][:EXPECTED]:
            asked.append((self._by_ids(first), partial(self._found, first)))
        if ending := {one.task for one in needs if one.ends} - self._awaited.keys():
            asked.append((self._awaiting([*ending]), partial(self._waited, ending)))
            asked.append((KINDS, numbers.counted_kinds))
        if ids := {one.context for one in needs if one.context}:
            asked.append((numbers.ask_contexts(ids), partial(numbers.found_contexts, ids)))
        if groups := {one.group for one in needs if one.group}:
            asked.append((numbers.ask_fills(groups), partial(numbers.filled, groups)))
        if holders := {one.holder for one in needs if one.holder}:
            asked.append((self._by_holders([*holders]), partial(self._held, holders)))
        return asked

    def _ask(self, asked: Sequence[Asked]) -> None:
        if asked:
            answers = self._sql.ask([question for question, _ in asked])
            for (_, take), rows in zip(asked, answers, strict=True):
                take(rows)

    def _found(self, ids: Sequence[str], rows: Sequence[Row]) -> None:
        self._known |= dict.fromkeys(ids, None)
        self._known |= {row[0]: task(row) for row in rows}

    def _waited(self, ids: Iterable[str], rows: Sequence[Row]) -> None:
        self._awaited |= dict.fromkeys(ids, False)
        self._awaited |= dict.fromkeys((id_ for (id_,) in rows), True)

    def _held(self, agents: Iterable[str], rows: Sequence[Row]) -> None:
        self._deepest |= dict.fromkeys(agents, -1)
        self._deepest |= {agent: int(depth) for agent, depth in rows}

    # One task

    def find(self, id_: str) -> Task | None:
        if id_ not in self._known:
            self._found([id_], self._run(*self._by_ids([id_])))
        return self._known[id_]

    def content_of(self, id_: str) -> str:
        return str(self._run("SELECT content FROM task WHERE id = ?", (id_,))[0][0])

    def deepest_held(self, agent: str) -> int:
        if agent not in self._deepest:
            self._held([agent], self._run(*self._by_holders([agent])))
        return self._deepest[agent]

    def insert(self, task: Task, waits: int, content: str) -> None:
        self.writes += 1
        revision = self.numbers.revision()
        self._changes[task.id] = Change(None, task, revision, waits, content)
        self._known[task.id] = task
        for other in task.after:
            self._enter("task_after", other, task.id)
            self._awaited[other] = True
        self.numbers.add_task(task.context)
        self.numbers.add_fill(task.group, int(task.state is TaskState.SUBMITTED), 1)
        self._refer(task, None)

    def save(self, before: Task, after: Task, waits: int | None = None) -> None:
        self.writes += 1
        change = self._changes.get(after.id) or Change(before, after, 0, None)
        change.after, change.revision = after, self.numbers.revision()
        if waits is not None:
            change.waits = waits
        self._changes[after.id] = change
        self._known[after.id] = after
        if TaskState.WORKING in (before.state, after.state):
            self._deepest.pop(before.holder, None)
            self._deepest.pop(after.holder, None)
        submitted = TaskState.SUBMITTED
        if (before.state is submitted) != (after.state is submitted):
            self.numbers.add_fill(after.group, 1 if after.state is submitted else -1, 0)
        self._total(before, after)
        self._refer(after, before)

    def _total(self, before: Task, after: Task) -> None:
        """What a step adds to the totals."""
        add = self.numbers.add
        if before.state is TaskState.WORKING and after.epoch > before.epoch:
            add("expiries", "", 1)
        if after.final and not before.final:
            add("ended", after.state.value, 1)
            if after.state is TaskState.COMPLETED:
                kind = self.numbers.counted_kind(after.kind)
                add("runs", kind, 1)
                add("seconds", kind, max(0.0, (after.ended or 0.0) - (after.started or 0.0)))

    def _refer(self, after: Task, before: Task | None) -> None:
        """Enter what the task refers to now, and did not `before`."""
        for made, now, known in (
            (0, after.input, before.input if before else ()),
            (1, after.output, before.output if before else ()),
        ):
            for one in now if now != known else ():
                self._enter("blob_use", after.context, after.id, one.digest, made)

    # What gathered

    def write_gathered(self) -> None:
        """Write what calls changed, so that statements see it."""
        if not self._changes and not self._beside:
            return
        changes, beside = list(self._changes.values()), self._beside
        self._changes, self._beside = {}, {}
        if new := [change.new_row() for change in changes if change.before is None]:
            self._sql.insert("task", _INSERTED, new)
        alike: dict[tuple[str, ...], list[Row]] = {}
        for change in changes:
            if change.before is not None:
                columns, row = change.difference()
                alike.setdefault(columns, []).append(row)
        for columns, rows in alike.items():
            self._sql.update("task", "id", columns, rows)
        for table, keys in beside.items():
            self._sql.insert(table, BESIDE[table], [*keys], "ON CONFLICT DO NOTHING")

    def flush(self) -> None:
        """Write all; the transaction takes no more after it."""
        self.write_gathered()
        self.numbers.flush()
        self._sql.finish()

    # Questions

    def _by_ids(self, ids: Sequence[str]) -> Question:
        condition, values = self._sql.among("id", ids)
        return f"SELECT {COLUMNS} FROM task WHERE {condition}", values

    def _awaiting(self, ids: Sequence[str]) -> Question:
        condition, values = self._sql.among("needs", ids)
        return f"SELECT DISTINCT needs FROM task_after WHERE {condition}", values

    def _by_holders(self, agents: Sequence[str]) -> Question:
        condition, values = self._sql.among("holder", agents)
        return (
            "SELECT holder, max(depth) FROM task WHERE state = 'working'"
            f" AND {condition} GROUP BY holder",
            values,
        )
