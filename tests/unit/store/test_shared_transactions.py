"""Whoever asks for work hears an answer, also of a store that closes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fleet.store.port import StoreError
from fleet.store.work.shared import TOGETHER, SharedTransactions


@pytest.mark.parametrize(
    "wrong", [StoreError("the store is closed", "", ""), RuntimeError("after shutdown")]
)
async def test_a_store_that_closes_leaves_nobody_waiting(wrong: Exception) -> None:
    def soon(_job: Any) -> None:
        raise wrong

    shared: SharedTransactions[Any] = SharedTransactions(Any, OSError, soon, Any)  # type: ignore[arg-type]
    calls = [shared.write(lambda _tables: None) for _ in range(3 * TOGETHER)]
    async with asyncio.timeout(30):
        told = await asyncio.gather(*calls, return_exceptions=True)
    assert told == [wrong] * len(calls)


async def test_a_fault_of_the_transaction_is_told_to_all_who_share_it() -> None:
    def broken(_work: Any) -> Any:
        raise ValueError("a fault of ours")

    shared: SharedTransactions[Any] = SharedTransactions(
        Any,
        OSError,
        lambda job: job(broken),
        Any,  # type: ignore[arg-type]
    )
    async with asyncio.timeout(30):
        told = await asyncio.gather(
            *(shared.write(lambda _tables: None) for _ in range(3)), return_exceptions=True
        )
    assert [str(one) for one in told] == ["a fault of ours"] * 3
