"""Offers of tasks that an agent must drop, as a table: what is wrong with each.

The kit has no tasks to give, so a good offer cannot be tried: it would be claimed at a hub that
does not know it. What can be told is that a wrong one does nothing: the agent answers afterwards,
and tells of no such task.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fleet.contract.timestamps import timestamp, ulid

LONG_AGO: Final = 3_600.0
"""Seconds: an offer of then, for a minute, is over."""


@dataclass(frozen=True, slots=True)
class OfferTrial:
    """One offer.

    Attributes:
        does: what is said of it before it is sent.
        age: seconds ago that it is dated.
        twist: makes a wrong payload of it.
        signed: whether it is signed, where signing is on. needs_key: only then is it wrong.
    """

    does: str
    age: float = 0.0
    twist: Callable[[dict[str, Any]], bytes] | None = None
    signed: bool = True
    needs_key: bool = False


def _text(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


TRIALS: Final = (
    OfferTrial("offers a task that has expired", age=LONG_AGO),
    OfferTrial("offers a task dated an hour ahead", age=-LONG_AGO),
    OfferTrial("offers a task with what it is about",
               twist=lambda offer: _text(offer | {"kind": "tck"})),
    OfferTrial("offers a task with a key that stands twice",
               twist=lambda offer: _text(offer)[:-1] + b',"ttl":60}'),
    OfferTrial("offers a task without a signature", signed=False, needs_key=True),
)  # fmt: skip


def draft(age: float) -> dict[str, Any]:
    """An offer of a task that nobody has, dated `age` s ago."""
    now = time.time()
    return {"id": ulid(now), "epoch": 0, "ts": timestamp(now - age), "ttl": 60}
