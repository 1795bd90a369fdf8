"""`WorkTables` in SQL, whole: what an SQL database needs besides its schema is `Statements`,
and `flush()` before it commits.

Calls read a row and write what follows from it, so writers must take turns. SQLite has one. Where
several processes write, each reads what it changes behind `sql_numbers.LOCK`: the lock on that row
lets one after the other in, and is held no longer than the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleet.store.work.rows import Row
from fleet.store.work.sql_boards import SqlBoards
from fleet.store.work.sql_forgetting import SqlForgetting
from fleet.store.work.sql_renaming import SqlRenaming
from fleet.store.work.sql_rollouts import SqlRollouts
from fleet.store.work.sql_tasks import SqlTasks


class SqlWorkTables(SqlTasks, SqlBoards, SqlForgetting, SqlRenaming, SqlRollouts):
    """See `WorkTables`."""

    def run(self, statement: str, values: Sequence[Any]) -> list[Row]:
        """One statement; all of its rows."""
        return self._run(statement, values)
