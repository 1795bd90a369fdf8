"""What goes from the tables of work, and when; a chunk at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fleet.domain.work.limits import (
    KEPT_BLOB,
    KEPT_READS,
    KEPT_TOLD,
    KEPT_UNTOLD,
    MAX_KEPT,
    MAX_READS,
)
from fleet.domain.work.task import Task
from fleet.store.work.rows import task
from fleet.store.work.sql_session import COLUMNS, SqlSession


class SqlForgetting(SqlSession):
    """See `gone`, `delete` and `forget` of `WorkTables`."""

    def gone(self, now: float, limit: int) -> list[Task]:
        for told, before in ((1, now - KEPT_TOLD), (0, now - KEPT_UNTOLD)):
            found = self._run(
                f"SELECT {COLUMNS} FROM task WHERE ended IS NOT NULL AND told = ? AND ended <= ?"
                " ORDER BY ended LIMIT ?",
                (told, before, limit),
            )
            if found:
                return [task(row) for row in found]
        full = self._run("SELECT grp FROM work_group WHERE kept > ? LIMIT 1", (MAX_KEPT // 2,))
        if not full:
            return []
        found = self._run(
            f"SELECT {COLUMNS} FROM task WHERE grp = ? AND ended IS NOT NULL AND told = 1"
            " ORDER BY number LIMIT ?",
            (full[0][0], limit),
        )
        return [task(row) for row in found]

    def delete(self, tasks: Sequence[Task]) -> None:
        for one in tasks:
            self._run("DELETE FROM blob_use WHERE context = ? AND owner = ?", (one.context, one.id))
            self._run("DELETE FROM task_after WHERE needs = ?", (one.id,))
            for other in one.after:
                self._run("DELETE FROM task_after WHERE needs = ? AND task = ?", (other, one.id))
            self._run("DELETE FROM task WHERE id = ?", (one.id,))
        for context, count in Counter(one.context for one in tasks).items():
            self._run("UPDATE context SET tasks = tasks - ? WHERE id = ?", (count, context))
        for group, count in Counter(one.group for one in tasks).items():
            self._run("UPDATE work_group SET kept = kept - ? WHERE grp = ?", (count, group))

    def forget(self, now: float, limit: int) -> bool:
        empty = self._run(
            "SELECT id, grp FROM context WHERE tasks = 0 AND created <= ? ORDER BY created LIMIT ?",
            (now - KEPT_BLOB, limit),
        )
        for id_, group in empty:
            for table in ("blob_use", "board_entry", "context_member"):
                self._run(f"DELETE FROM {table} WHERE context = ?", (id_,))
            self._run("DELETE FROM context WHERE id = ?", (id_,))
            self._run("UPDATE work_group SET contexts = contexts - 1 WHERE grp = ?", (group,))
        for group in {group for _id, group in empty}:
            self._run(
                "DELETE FROM work_group WHERE grp = ? AND kept = 0 AND contexts = 0 AND bytes = 0",
                (group,),
            )
        self._run("DELETE FROM work_grant WHERE until <= ?", (now,))
        old = self._forget_reads(
            "number <= (SELECT max(number) FROM work_read) - ?", MAX_READS, limit
        )
        old += self._forget_reads("at <= ?", now - KEPT_READS, limit)
        return len(empty) == limit or old >= limit

    def _forget_reads(self, condition: str, value: float, limit: int) -> int:
        gone = self._run(
            f"DELETE FROM work_read WHERE number IN (SELECT number FROM work_read WHERE {condition}"
            " LIMIT ?) RETURNING number",
            (value, limit),
        )
        return len(gone)
