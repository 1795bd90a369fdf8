"""`TaskTables` in SQL that SQLite and PostgreSQL both read.

What only one database knows is not used: claims and counts are plain `UPDATE … RETURNING` and
`ON CONFLICT`. Partial indices are named by their conditions, which the queries repeat word by word.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Final

from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.life import GRACE
from fleet.domain.work.limits import MAX_KINDS
from fleet.domain.work.task import LEASE, Task
from fleet.store.work.rows import TASK_COLUMNS, column_value, task, task_row
from fleet.store.work.sql_numbers import Run, SqlNumbers
from fleet.store.work.tables import OTHER, Fill, Wanted
from fleet.store.work_records import WorkCounts

_COLUMNS: Final = ", ".join(TASK_COLUMNS.values())
_T_COLUMNS: Final = ", ".join(f"t.{column}" for column in TASK_COLUMNS.values())
_MUTABLE: Final = (
    "created", "to", "by", "input", "output", "expires", "state", "attempt", "epoch", "holder",
    "lease_until", "not_before", "started", "ended", "progress", "reason", "cancel", "told",
)  # fmt: skip
_mutable: Final = attrgetter(*_MUTABLE)

_READY: Final = (
    "t.grp = ? AND t.state = 'submitted' AND t.waits = 0 AND t.not_before <= ? AND t.expires > ?"
)

_LOOK: Final = (
    f"SELECT t.number, t.priority, t.not_before FROM task t WHERE {_READY} AND t.kind = ?"
    " AND t.addressee = ? AND t.priority = ? ORDER BY t.not_before, t.number LIMIT 1"
)

_LEASE_END: Final = (
    "CASE WHEN expires < ? AND expires < ? + timeout THEN expires"
    " WHEN ? + timeout < ? THEN ? + timeout ELSE ? END"
)
"""`life.lease_end` of a claim."""


class SqlTasks:
    """See `TaskTables`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.numbers = SqlNumbers(run)
        self._counted: set[str] = set()

    # One task

    def find(self, id_: str) -> Task | None:
        found = self._run(f"SELECT {_COLUMNS} FROM task WHERE id = ?", (id_,))
        return task(found[0]) if found else None

    def content_of(self, id_: str) -> str:
        return str(self._run("SELECT content FROM task WHERE id = ?", (id_,))[0][0])

    def insert(self, task: Task, waits: int, content: str) -> None:
        revision = self.numbers.revision()
        holes = ", ".join("?" * (len(TASK_COLUMNS) + 3))
        self._run(
            f"INSERT INTO task ({_COLUMNS}, waits, content, revision) VALUES ({holes})",
            (*task_row(task), waits, content, revision),
        )
        for other in task.after:
            self._run("INSERT INTO task_after (needs, task) VALUES (?, ?)", (other, task.id))
        self.numbers.add_task(task.context)
        self.numbers.add_fill(task.group, int(task.state is TaskState.SUBMITTED), 1)
        self._refer(task, None)

    def save(self, before: Task, after: Task, waits: int | None = None) -> None:
        both = zip(_MUTABLE, _mutable(before), _mutable(after), strict=True)
        changed = [(field, now) for field, was, now in both if was != now]
        values = [column_value(field, value) for field, value in changed]
        columns = [TASK_COLUMNS[field] for field, _ in changed]
        if waits is not None:
            columns.append("waits")
            values.append(waits)
        revision = self.numbers.revision()
        pairs = "".join(f"{column} = ?, " for column in columns)
        self._run(
            f"UPDATE task SET {pairs}revision = ? WHERE id = ?", (*values, revision, after.id)
        )
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
                kind = self._counted_kind(after.kind)
                add("runs", kind, 1)
                add("seconds", kind, max(0.0, (after.ended or 0.0) - (after.started or 0.0)))

    def _counted_kind(self, kind: str) -> str:
        if kind not in self._counted:
            known = self._run("SELECT word FROM work_total WHERE name = ?", ("runs",))
            self._counted |= {word for (word,) in known}
            if len(self._counted) < MAX_KINDS:
                self._counted.add(kind)
        return kind if kind in self._counted else OTHER

    def _refer(self, after: Task, before: Task | None) -> None:
        """Enter what the task refers to now, and did not `before`."""
        for made, now, known in (
            (0, after.input, before.input if before else ()),
            (1, after.output, before.output if before else ()),
        ):
            for one in now if now != known else ():
                self._run(
                    "INSERT INTO blob_use (context, owner, digest, made) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT DO NOTHING",
                    (after.context, after.id, one.digest, made),
                )

    # The queue

    def claim(self, agent: str, group: str, kinds: Sequence[str], now: float) -> Task | None:
        first, values = _first(agent, group, kinds, now)
        lease, grace = now + LEASE, now + GRACE
        # A queue that is empty costs no write: where the revision is not known, it comes after.
        expected = self.numbers.next_revision()
        found = self._run(
            f"UPDATE task SET state = 'working', attempt = attempt + 1, epoch = epoch + 1,"
            f" holder = ?, started = ?, progress = 0, reason = NULL, lease_until = {_LEASE_END},"
            f" revision = coalesce(?, revision)"
            f" WHERE number = ({first}) AND state = 'submitted' RETURNING number, {_COLUMNS}",
            (agent, now, lease, grace, grace, lease, grace, lease, expected, *values),
        )
        if not found:
            return None
        number, *row = found[0]
        revision = self.numbers.revision()
        if revision != expected:
            self._run("UPDATE task SET revision = ? WHERE number = ?", (revision, number))
        self.numbers.add("attempts", "", 1)
        self.numbers.add_fill(group, -1, 0)
        return task(tuple(row))

    def offered(
        self, agent: str, group: str, kinds: Sequence[str], now: float, limit: int
    ) -> list[Task]:
        found = self._run(
            f"SELECT {_T_COLUMNS} FROM task t WHERE {_READY} AND t.kind IN ({_holes(kinds)})"
            " AND t.addressee IN ('', ?) ORDER BY t.priority DESC, t.not_before, t.number LIMIT ?",
            (group, now, now, *kinds, agent, limit),
        )
        return [task(row) for row in found]

    # Those that wait for others

    def states(self, ids: Collection[str], context: str) -> dict[str, TaskState]:
        found = self._run(
            f"SELECT id, state FROM task WHERE context = ? AND id IN ({_holes(ids)})",
            (context, *ids),
        )
        return {id_: TaskState(state) for id_, state in found}

    def dependents(self, id_: str) -> list[Task]:
        found = self._run(
            f"SELECT {_T_COLUMNS} FROM task_after a JOIN task t ON t.id = a.task"
            " WHERE a.needs = ? ORDER BY t.number",
            (id_,),
        )
        return [task(row) for row in found]

    def waits_less(self, id_: str) -> list[Task]:
        found = self._run(
            "UPDATE task SET waits = waits - 1 WHERE waits > 0 AND id IN"
            f" (SELECT task FROM task_after WHERE needs = ?) RETURNING number, waits, {_COLUMNS}",
            (id_,),
        )
        ready = sorted(row for row in found if row[1] == 0)
        return [one for row in ready if (one := task(row[2:])).state is TaskState.SUBMITTED]

    # Lists

    def due(self, now: float, limit: int) -> list[Task]:
        found = self._run(
            f"SELECT {_COLUMNS} FROM task WHERE ended IS NULL AND coalesce(lease_until, expires)"
            " <= ? ORDER BY coalesce(lease_until, expires) LIMIT ?",
            (now, limit),
        )
        return [task(row) for row in found]

    def open_of(self, agent: str) -> list[Task]:
        found = self._run(
            f"SELECT {_COLUMNS} FROM task WHERE ended IS NULL AND (addressee = ?"
            " OR (state = 'working' AND holder = ?)) ORDER BY number",
            (agent, agent),
        )
        return [task(row) for row in found]

    def opened_after(self, number: int, limit: int) -> list[tuple[int, Task]]:
        found = self._run(
            f"SELECT number, {_COLUMNS} FROM task WHERE ended IS NULL AND number > ?"
            " ORDER BY number LIMIT ?",
            (number, limit),
        )
        return [(row[0], task(row[1:])) for row in found]

    def newest(self, wanted: Wanted, below: int | None, limit: int) -> list[tuple[int, Task]]:
        conditions: list[str] = []
        values: list[Any] = []

        def narrow(condition: str, *more: Any) -> None:
            conditions.append(condition)
            values.extend(more)

        if wanted.group is not None:
            narrow("grp = ?", wanted.group)
        if wanted.context is not None:
            narrow("context = ?", wanted.context)
        if wanted.agent is not None:
            narrow("(addressee = ? OR holder = ?)", wanted.agent, wanted.agent)
        if wanted.states:
            narrow(f"state IN ({_holes(wanted.states)})", *(s.value for s in wanted.states))
        if below is not None:
            narrow("number < ?", below)
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        found = self._run(
            f"SELECT number, {_COLUMNS} FROM task {where}ORDER BY number DESC LIMIT ?",
            (*values, limit),
        )
        return [(row[0], task(row[1:])) for row in found]

    def changed(self, group: str | None, after: int, limit: int) -> list[tuple[int, Task]]:
        narrow, values = ("", ()) if group is None else (" AND grp = ?", (group,))
        found = self._run(
            f"SELECT revision, {_COLUMNS} FROM task WHERE revision > ?{narrow}"
            " ORDER BY revision LIMIT ?",
            (after, *values, limit),
        )
        return [(row[0], task(row[1:])) for row in found]

    def untold(self, submitter: str, limit: int) -> list[Task]:
        found = self._run(
            f"SELECT {_COLUMNS} FROM task WHERE ended IS NOT NULL AND told = 0 AND submitter = ?"
            " ORDER BY ended, number LIMIT ?",
            (submitter, limit),
        )
        return [task(row) for row in found]

    # Figures

    def unapproved(self, submitter: str) -> int:
        query = "SELECT count(*) FROM task WHERE state = 'auth-required' AND submitter = ?"
        return int(self._run(query, (submitter,))[0][0])

    def submitted_in(self, submitter: str, context: str) -> bool:
        query = "SELECT 1 FROM task WHERE context = ? AND submitter = ? LIMIT 1"
        return bool(self._run(query, (context, submitter)))

    def deepest_held(self, agent: str) -> int:
        query = "SELECT max(depth) FROM task WHERE state = 'working' AND holder = ?"
        deepest = self._run(query, (agent,))[0][0]
        return -1 if deepest is None else int(deepest)

    def fill(self, group: str) -> Fill:
        return Fill(*self.numbers.fill(group))

    def counts(self, now: float) -> WorkCounts:
        open_ = self._run("SELECT state, count(*) FROM task WHERE ended IS NULL GROUP BY state", ())
        oldest = self._run(
            "SELECT min(not_before) FROM task WHERE ended IS NULL AND state = 'submitted'"
            " AND waits = 0",
            (),
        )[0][0]
        totals = {
            (name, word): value
            for name, word, value in self._run("SELECT name, word, value FROM work_total", ())
        }
        return WorkCounts(
            open={TaskState(state): count for state, count in open_},
            ended={
                TaskState(word): int(v) for (name, word), v in totals.items() if name == "ended"
            },
            oldest_queued=oldest if oldest is not None and oldest <= now else None,
            attempts=int(totals.get(("attempts", ""), 0)),
            expiries=int(totals.get(("expiries", ""), 0)),
            seconds={
                word: (totals.get(("seconds", word), 0.0), int(value))
                for (name, word), value in totals.items()
                if name == "runs"
            },
        )


def _first(agent: str, group: str, kinds: Sequence[str], now: float) -> tuple[str, list[Any]]:
    """The number of the task that is next, and the statement's values: one look into the index for
    each kind, priority, and whom it is for, however many wait."""
    looks = [
        (kind, to, priority.rank) for kind in kinds for to in ("", agent) for priority in Priority
    ]
    values = [value for look in looks for value in (group, now, now, *look)]
    return _statement(len(looks)), values


@cache
def _statement(looks: int) -> str:
    # Not by a join with a list of kinds: SQLite then reads all tasks to find those few numbers.
    each = " UNION ALL ".join(f"SELECT * FROM ({_LOOK}) AS look_{n}" for n in range(looks))
    return (
        f"SELECT number FROM ({each}) AS found ORDER BY priority DESC, not_before, number LIMIT 1"
    )


def _holes(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values))
