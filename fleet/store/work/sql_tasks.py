"""`TaskTables` in SQL that SQLite and PostgreSQL both read: tasks by what they have in common.

What only one database knows is not used. Partial indices are named by their conditions, which the
queries repeat word by word.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.task import Task
from fleet.store.work.rows import task
from fleet.store.work.sql_queue import T_COLUMNS, SqlQueue
from fleet.store.work.sql_session import COLUMNS
from fleet.store.work.statements import holes
from fleet.store.work.tables import Fill, Wanted
from fleet.store.work_records import WorkCounts


class SqlTasks(SqlQueue):
    """See `TaskTables`."""

    # Those that wait for others

    def states(self, ids: Collection[str], context: str) -> dict[str, TaskState]:
        found = self._run(
            f"SELECT id, state FROM task WHERE context = ? AND id IN ({holes(ids)})",
            (context, *ids),
        )
        return {id_: TaskState(state) for id_, state in found}

    def dependents(self, id_: str) -> list[Task]:
        found = self._run(
            f"SELECT {T_COLUMNS} FROM task_after a JOIN task t ON t.id = a.task"
            " WHERE a.needs = ? ORDER BY t.number",
            (id_,),
        )
        return [task(row) for row in found]

    def waits_less(self, id_: str) -> list[Task]:
        if self._awaited.get(id_) is False:
            return []
        found = self._run(
            "UPDATE task SET waits = waits - 1 WHERE waits > 0 AND id IN"
            f" (SELECT task FROM task_after WHERE needs = ?) RETURNING number, waits, {COLUMNS}",
            (id_,),
        )
        ready = sorted(row for row in found if row[1] == 0)
        return [one for row in ready if (one := task(row[2:])).state is TaskState.SUBMITTED]

    # Lists

    def due(self, now: float, limit: int) -> list[Task]:
        found = self._run(
            f"SELECT {COLUMNS} FROM task WHERE ended IS NULL AND coalesce(lease_until, expires)"
            " <= ? ORDER BY coalesce(lease_until, expires) LIMIT ?",
            (now, limit),
        )
        return [task(row) for row in found]

    def open_of(self, agent: str) -> list[Task]:
        found = self._run(
            f"SELECT {COLUMNS} FROM task WHERE ended IS NULL AND (addressee = ?"
            " OR (state = 'working' AND holder = ?)) ORDER BY number",
            (agent, agent),
        )
        return [task(row) for row in found]

    def opened_after(self, number: int, limit: int) -> list[tuple[int, Task]]:
        found = self._run(
            f"SELECT number, {COLUMNS} FROM task WHERE ended IS NULL AND number > ?"
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
            narrow(f"state IN ({holes(wanted.states)})", *(s.value for s in wanted.states))
        if below is not None:
            narrow("number < ?", below)
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        found = self._run(
            f"SELECT number, {COLUMNS} FROM task {where}ORDER BY number DESC LIMIT ?",
            (*values, limit),
        )
        return [(row[0], task(row[1:])) for row in found]

    def changed(self, group: str | None, after: int, limit: int) -> list[tuple[int, Task]]:
        narrow, values = ("", ()) if group is None else (" AND grp = ?", (group,))
        found = self._run(
            f"SELECT revision, {COLUMNS} FROM task WHERE revision > ?{narrow}"
            " ORDER BY revision LIMIT ?",
            (after, *values, limit),
        )
        return [(row[0], task(row[1:])) for row in found]

    def untold(self, submitter: str, limit: int) -> list[Task]:
        found = self._run(
            f"SELECT {COLUMNS} FROM task WHERE ended IS NOT NULL AND told = 0 AND submitter = ?"
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
