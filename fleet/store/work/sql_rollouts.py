"""`RolloutTables` in SQL that SQLite and PostgreSQL both read."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.domain.rollout.states import ExecutionState, Why
from fleet.store.rollout_port import Whole
from fleet.store.work import rollout_rows as rows
from fleet.store.work.sql_session import SqlSession


class SqlRollouts(SqlSession):
    """See `RolloutTables`."""

    def rollout(self, id_: str) -> Whole | None:
        found = self._run("SELECT text FROM rollout WHERE id = ?", (id_,))
        return self._whole(id_, found[0][0]) if found else None

    def newest_rollouts(self, limit: int) -> list[Whole]:
        found = self._run(
            "SELECT id, text FROM rollout ORDER BY created DESC, id DESC LIMIT ?", (limit,)
        )
        return [self._whole(id_, text) for id_, text in found]

    def open_rollouts(self) -> list[Whole]:
        found = self._run("SELECT id, text FROM rollout WHERE is_over = 0 ORDER BY created, id", ())
        return [self._whole(id_, text) for id_, text in found]

    def put_rollout(self, rollout: Rollout, *, over: bool) -> None:
        self._run(
            "INSERT INTO rollout (id, created, is_over, text) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET created = excluded.created,"
            " is_over = excluded.is_over, text = excluded.text",
            (rollout.id, rollout.created, int(over), rows.rollout_text(rollout)),
        )

    def put_executions(self, rollout: str, version: str, changed: Sequence[Execution]) -> None:
        for one in changed:
            self._run(
                "INSERT INTO rollout_execution (rollout, agent, number, version, denied, text)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (rollout, agent) DO UPDATE SET"
                " denied = excluded.denied, text = excluded.text",
                (
                    rollout, one.agent, one.number, version, int(is_denial(one)),
                    rows.execution_text(one),
                ),
            )  # fmt: skip

    def denials(self, version: str) -> set[str]:
        found = self._run(
            "SELECT DISTINCT agent FROM rollout_execution WHERE version = ? AND denied = 1",
            (version,),
        )
        return {str(agent) for (agent,) in found}

    def rename_in_rollouts(self, old: str, new: str) -> None:
        found = self._run(
            "SELECT rollout, text FROM rollout_execution WHERE agent = ? AND rollout NOT IN"
            " (SELECT rollout FROM rollout_execution WHERE agent = ?)",
            (old, new),
        )
        for id_, text in found:
            renamed = rows.execution_text(rows.execution(text).renamed(new))
            self._run(
                "UPDATE rollout_execution SET agent = ?, text = ? WHERE rollout = ? AND agent = ?",
                (new, renamed, id_, old),
            )
            ((rollout,),) = self._run("SELECT text FROM rollout WHERE id = ?", (id_,))
            changed = rows.rollout_text(rows.rollout(rollout).changed())
            self._run("UPDATE rollout SET text = ? WHERE id = ?", (changed, id_))

    def forget_rollouts(self, most: int) -> None:
        old = self._run(
            "SELECT id FROM rollout WHERE is_over = 1 AND id NOT IN"
            " (SELECT id FROM rollout ORDER BY created DESC, id DESC LIMIT ?)",
            (most,),
        )
        for (id_,) in old:
            self._run("DELETE FROM rollout_execution WHERE rollout = ?", (id_,))
            self._run("DELETE FROM rollout WHERE id = ?", (id_,))

    def _whole(self, id_: str, text: str) -> Whole:
        found = self._run(
            "SELECT text FROM rollout_execution WHERE rollout = ? ORDER BY number", (id_,)
        )
        return Whole(rows.rollout(text), [rows.execution(row) for (row,) in found])


def is_denial(execution: Execution) -> bool:
    """Whether the agent said no, or the version did not do there; not that it was called back."""
    failed = (
        ExecutionState.ROLLING_BACK, ExecutionState.ROLLED_BACK, ExecutionState.ROLLBACK_FAILED,
    )  # fmt: skip
    called_back = execution.reason in ("", Why.OPERATOR, Why.THRESHOLD)
    refused = (execution.state, execution.reason) == (ExecutionState.REJECTED, "version-refused")
    return refused or (execution.state in failed and not called_back)
