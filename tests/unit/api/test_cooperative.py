"""A long answer leaves the loop to others."""

from __future__ import annotations

import asyncio

from fleet.api.cooperative import SLICE, in_slices


async def test_others_have_their_turn_while_a_long_answer_is_made() -> None:
    made: list[int] = []
    seen: list[int] = []

    async def other() -> None:
        while len(made) < 5 * SLICE:
            seen.append(len(made))
            await asyncio.sleep(0)

    def work(number: int) -> int:
        made.append(number)
        return -number

    watcher = asyncio.create_task(other())
    assert await in_slices(range(5 * SLICE), work) == [-n for n in range(5 * SLICE)]
    await watcher
    assert seen == [SLICE * n for n in range(1, 5)]
