"""The tables of rollouts, as what is done with them; all of it inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.store.rollout_port import Whole

MAX_KEPT: Final = 1_000
"""Rollouts; beyond it the oldest that are over go. Three a day make a year."""


class RolloutTables(Protocol):
    """Rollouts by id, executions by rollout and agent."""

    def rollout(self, id_: str) -> Whole | None: ...

    def newest_rollouts(self, limit: int) -> list[Whole]: ...

    def open_rollouts(self) -> list[Whole]: ...

    def put_rollout(self, rollout: Rollout, *, over: bool) -> None: ...

    def put_executions(self, rollout: str, version: str, changed: Sequence[Execution]) -> None: ...

    def denials(self, version: str) -> set[str]: ...

    def rename_in_rollouts(self, old: str, new: str) -> None:
        """An agent's part in each goes with its name, refusals too, unless both names have one."""
        ...

    def forget_rollouts(self, most: int) -> None:
        """The oldest that are over go, so that no more than `most` are left."""
        ...
