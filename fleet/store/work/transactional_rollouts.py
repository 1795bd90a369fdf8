"""`RolloutStore` above tables and transactions: each call is one function over the tables."""

from __future__ import annotations

from dataclasses import replace

from fleet.domain.rollout.errors import RolloutConflictError, UnknownRolloutError
from fleet.store.rollout_port import Whole
from fleet.store.work.rollout_tables import MAX_KEPT, RolloutTables
from fleet.store.work.transactional import Transactions


class TransactionalRollouts:
    """See `fleet.store.rollout_port.RolloutStore`."""

    def __init__(self, transactions: Transactions) -> None:
        self._write = transactions.write
        self._read = transactions.read

    async def create(self, whole: Whole) -> bool:
        return await self._write(lambda tables: _create(tables, whole))

    async def get(self, id_: str) -> Whole:
        found = await self._read(lambda tables: tables.rollout(id_))
        if found is None:
            raise UnknownRolloutError(id_)
        return found

    async def rollouts(self, limit: int = 100) -> list[Whole]:
        return await self._read(lambda tables: tables.newest_rollouts(limit))

    async def open(self) -> list[Whole]:
        return await self._read(lambda tables: tables.open_rollouts())

    async def save(self, before: Whole, after: Whole, *, over: bool) -> Whole:
        return await self._write(lambda tables: _save(tables, before, after, over=over))

    async def denied(self, version: str) -> set[str]:
        return await self._read(lambda tables: tables.denials(version))


def _create(tables: RolloutTables, whole: Whole) -> bool:
    known = tables.rollout(whole.rollout.id)
    if known is not None:
        mine, theirs = whole.rollout, known.rollout
        if (mine.plan, mine.by) != (theirs.plan, theirs.by):
            raise RolloutConflictError(
                f"there is another rollout {mine.id}", "its plan is another", "a new ULID"
            )
        return False
    tables.put_rollout(whole.rollout, over=False)
    tables.put_executions(whole.rollout.id, whole.rollout.plan.version, whole.executions)
    tables.forget_rollouts(MAX_KEPT)
    return True


def _save(tables: RolloutTables, before: Whole, after: Whole, *, over: bool) -> Whole:
    id_ = after.rollout.id
    known = tables.rollout(id_)
    if known is None or known.rollout.revision != before.rollout.revision:
        raise RolloutConflictError(
            f"rollout {id_} was changed meanwhile", "by another one", f"fleet rollout status {id_}"
        )
    rollout = replace(after.rollout, revision=before.rollout.revision + 1)
    stood = {one.agent: one for one in before.executions}
    changed = [one for one in after.executions if stood.get(one.agent) != one]
    tables.put_rollout(rollout, over=over)
    tables.put_executions(id_, rollout.plan.version, changed)
    return Whole(rollout, after.executions)
