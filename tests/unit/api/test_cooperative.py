"""A long answer leaves the loop to others."""

from __future__ import annotations

import asyncio
import json

import pytest

from fleet.api.cooperative import SLICE, as_json, in_slices
from fleet.contract.vocabulary import AlertCode, Check, Plane


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


@pytest.mark.parametrize(
    "value",
    [
        {"checks": {Plane.DISK: Check.FAIL}, "codes": [AlertCode.DISK_PRESSURE]},
        {"labels": {"owner": "half \ud83d of a pair"}, "ok": None},
        {"n": 2**53 + 1, "big": 2**70, "small": 1e-9, "text": "é\u2028<"},
        {1: "a number for a key", "empty": [{}, [], ""]},
    ],
)
def test_what_is_made_in_c_says_what_the_long_way_says(value: object) -> None:
    assert json.loads(as_json(value)) == json.loads(json.dumps(value))
