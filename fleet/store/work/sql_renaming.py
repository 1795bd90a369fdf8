"""`RenamingTables` in SQL that SQLite and PostgreSQL both read. Rare: all rows are looked at."""

from __future__ import annotations

from typing import Final

from fleet.domain.work.task import Task
from fleet.store.work.rows import task
from fleet.store.work.sql_session import COLUMNS, SqlSession
from fleet.store.work.stored import AGENT

_NAMES: Final = (("task", "addressee"), ("task", "holder"))
_CALLERS: Final = (("task", "submitter"), ("board_entry", "author"), ("work_read", "reader"))


class SqlRenaming(SqlSession):
    """See `RenamingTables`."""

    def open_naming(self, agent: str) -> list[Task]:
        found = self._run(
            f"SELECT {COLUMNS} FROM task WHERE ended IS NULL AND (addressee = ? OR holder = ?"
            " OR submitter = ?) ORDER BY number",
            (agent, agent, AGENT + agent),
        )
        return [task(row) for row in found]

    def set_content(self, id_: str, content: str) -> None:
        self._run("UPDATE task SET content = ? WHERE id = ?", (content, id_))

    def rename_agent(self, old: str, new: str) -> None:
        for names, before, after in (
            (_NAMES, old, new),
            (_CALLERS, AGENT + old, AGENT + new),
        ):
            for table, column in names:
                self._run(
                    f"UPDATE {table} SET {column} = ? WHERE {column} = ?",
                    (after, before),
                )
        self._run(
            "INSERT INTO context_member (context, member) SELECT context, ? FROM context_member"
            " WHERE member = ? ON CONFLICT DO NOTHING",
            (AGENT + new, AGENT + old),
        )
        self._run("DELETE FROM context_member WHERE member = ?", (AGENT + old,))
        self._run(
            "INSERT INTO work_grant (agent, thing, until) SELECT ?, thing, until FROM work_grant"
            " WHERE agent = ? ON CONFLICT (agent, thing) DO UPDATE SET until = CASE"
            " WHEN excluded.until > work_grant.until THEN excluded.until ELSE work_grant.until END",
            (new, old),
        )
        self._run("DELETE FROM work_grant WHERE agent = ?", (old,))
