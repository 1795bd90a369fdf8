"""`WorkTables` in SQL, whole: what an SQL database needs besides its schema is a way to run a
statement, and `numbers.flush()` before it commits.

Calls read a row and write what follows from it, so writers must take turns. SQLite has one. Where
several processes write, each transaction begins with `numbers.revision()`: the lock on that row
lets one after the other in, and is held no longer than the transaction.
"""

from __future__ import annotations

from fleet.store.work.sql_boards import SqlBoards
from fleet.store.work.sql_forgetting import SqlForgetting
from fleet.store.work.sql_numbers import Run
from fleet.store.work.sql_renaming import SqlRenaming
from fleet.store.work.sql_rollouts import SqlRollouts
from fleet.store.work.sql_tasks import SqlTasks


class SqlWorkTables(SqlTasks, SqlBoards, SqlForgetting, SqlRenaming, SqlRollouts):
    """See `WorkTables`."""

    def __init__(self, run: Run) -> None:
        SqlTasks.__init__(self, run)
        self.run = run
