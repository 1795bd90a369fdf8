"""Long work on the event loop, in slices: an answer about 10,000 agents must not stop intake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import orjson

T = TypeVar("T")
R = TypeVar("R")

SLICE: Final = 100
"""Items between two turns of the loop: about 10 ms of the slowest work, a view of an agent."""


async def in_slices(items: Sequence[T], work: Callable[[T], R]) -> list[R]:
    """`work` of each of `items`, in order; others have their turn after each slice."""
    found: list[R] = []
    for start in range(0, len(items), SLICE):
        found += map(work, items[start : start + SLICE])
        await asyncio.sleep(0)
    return found


def as_json(value: object) -> bytes:
    """The JSON text of one item of a long answer, made in C, where it can be."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)  # words are keys, too
    except TypeError:  # half of a surrogate pair, as a label may hold that somebody typed
        return json.dumps(value).encode()
