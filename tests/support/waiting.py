"""Bounded waiting: tests wait for a fact, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE = 20.0
"""Seconds: generous, since machines that run tests are busy. A fact normally comes in ms."""


def wait_until(fact: Callable[[], T], deadline: float = DEADLINE, what: str = "it") -> T:
    """The first truthy value of `fact`; an AssertionError after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = fact()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not happen in {deadline} s"
        time.sleep(0.01)


async def eventually(
    fact: Callable[[], T | Awaitable[T]], deadline: float = DEADLINE, what: str = "it"
) -> T:
    """`wait_until` for coroutines."""
    end = time.monotonic() + deadline
    while True:
        value = fact()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not happen in {deadline} s"
        await asyncio.sleep(0.01)
