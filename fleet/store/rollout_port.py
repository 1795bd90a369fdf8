"""What the hub asks of its memory of rollouts. `Store.rollouts` is one.

`tests/contract/test_rollout_store_contract.py` holds every implementation to the same promises. The
rules are `fleet.domain.rollout`'s; a store keeps values, whole, one transaction a call.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from fleet.domain.rollout.rollout import Execution, Rollout


class Whole(NamedTuple):
    """A rollout and its agents in their order."""

    rollout: Rollout
    executions: list[Execution]


class RolloutStore(Protocol):
    """Rollouts, durable: what a call returned is there after a crash. Each call raises `StoreError`
    as those of `WorkStore` do."""

    async def create(self, whole: Whole) -> bool:
        """Keep a new rollout; whether it is new. The oldest that are over go beyond a bound.

        Raises:
            RolloutConflictError: the id is another rollout's.
        """
        ...

    async def get(self, id_: str) -> Whole:
        """
        Raises:
            UnknownRolloutError: there is none.
        """
        ...

    async def rollouts(self, limit: int = 100) -> list[Whole]:
        """The newest, newest first."""
        ...

    async def open(self) -> list[Whole]:
        """Those that something can still follow for, oldest first."""
        ...

    async def save(self, before: Whole, after: Whole, *, over: bool) -> Whole:
        """What changed of a rollout, as it is from now on; `over`: nothing follows by itself.

        Raises:
            RolloutConflictError: somebody changed it since `before` was read.
        """
        ...

    async def denied(self, version: str) -> set[str]:
        """Agents that refused this version in a rollout, or were rolled back from it by itself."""
        ...
