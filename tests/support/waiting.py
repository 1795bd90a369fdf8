"""Bounded waiting: tests wait for a fact, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE = 60.0
"""Seconds: generous, since machines that run tests are busy. A fact normally comes in ms."""


def pause(waited: float) -> float:
    """Seconds between two looks: a twentieth of what was waited, so that who asks a hub does not
    keep it busy, and is late by little."""
    return min(max(waited / 20, 0.01), 0.1)


def wait_until(fact: Callable[[], T], deadline: float = DEADLINE, what: str = "it") -> T:
    """The first truthy value of `fact`; an AssertionError after `deadline` seconds."""
    began = time.monotonic()
    while True:
        value = fact()
        if value:
            return value
        waited = time.monotonic() - began
        assert waited < deadline, f"{what} did not happen in {deadline} s"
        time.sleep(pause(waited))


async def eventually(
    fact: Callable[[], T | Awaitable[T]], deadline: float = DEADLINE, what: str = "it"
) -> T:
    """`wait_until` for coroutines."""
    began = time.monotonic()
    while True:
        value = fact()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        waited = time.monotonic() - began
        assert waited < deadline, f"{what} did not happen in {deadline} s"
        await asyncio.sleep(pause(waited))
