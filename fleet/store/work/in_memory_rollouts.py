"""`RolloutTables` in plain memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.store.rollout_port import Whole
from fleet.store.work.sql_rollouts import is_denial


@dataclass
class InMemoryRollouts:
    """See `RolloutTables`."""

    kept: dict[str, tuple[Rollout, bool]] = field(default_factory=dict)
    """Rollout, and whether it is over, by id."""
    agents: dict[str, dict[str, Execution]] = field(default_factory=dict)
    """Executions by rollout and agent."""

    def rollout(self, id_: str) -> Whole | None:
        found = self.kept.get(id_)
        return self._whole(found[0]) if found else None

    def newest_rollouts(self, limit: int) -> list[Whole]:
        return [self._whole(one) for one in self._newest()[:limit]]

    def open_rollouts(self) -> list[Whole]:
        return [self._whole(one) for one in reversed(self._newest()) if not self.kept[one.id][1]]

    def put_rollout(self, rollout: Rollout, *, over: bool) -> None:
        self.kept[rollout.id] = rollout, over

    def put_executions(self, rollout: str, version: str, changed: Sequence[Execution]) -> None:
        self.agents.setdefault(rollout, {}).update({one.agent: one for one in changed})

    def denials(self, version: str) -> set[str]:
        return {
            one.agent
            for rollout, _ in self.kept.values()
            if rollout.plan.version == version
            for one in self.agents[rollout.id].values()
            if is_denial(one)
        }

    def rename_in_rollouts(self, old: str, new: str) -> None:
        for id_, executions in self.agents.items():
            if old in executions and new not in executions:
                executions[new] = executions.pop(old).renamed(new)
                rollout, over = self.kept[id_]
                self.kept[id_] = rollout.changed(), over

    def forget_rollouts(self, most: int) -> None:
        for one in self._newest()[most:]:
            if self.kept[one.id][1]:
                del self.kept[one.id], self.agents[one.id]

    def _newest(self) -> list[Rollout]:
        found = [rollout for rollout, _ in self.kept.values()]
        return sorted(found, key=lambda one: (one.created, one.id), reverse=True)

    def _whole(self, rollout: Rollout) -> Whole:
        found = self.agents.get(rollout.id, {}).values()
        return Whole(rollout, sorted(found, key=lambda one: one.number))
