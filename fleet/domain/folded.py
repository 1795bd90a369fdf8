"""Runs of heartbeats that say the same, told once: what changed stands out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]

_PASSING = ("ts", "seq", "uptime", "metrics")
"""Fields that differ in each heartbeat and mean nothing by that."""


@dataclass(slots=True)
class Run:
    """A message, and how many of the same agent right before it in time say the same; `since` is
    the time of the first of them, `first` its id."""

    message: JsonObject
    same: int = 0
    since: str = ""
    first: int | None = None


def folded(messages: Iterable[JsonObject]) -> Iterator[Run]:
    """`messages`, oldest first, as runs, in the order of their last message. Only what is next to
    each other in one agent's own history is one run; in memory is one run of each agent, and what
    came since the oldest of them began."""
    runs: dict[int, Run] = {}  # by the number of its last message
    last: dict[str, int] = {}
    for number, message in enumerate(messages):
        agent = str(message["agent"])
        before = runs.get(last.get(agent, -1))
        run = Run(message, first=message.get("id"))
        if before is not None and _says(before.message) == _says(message) is not None:
            del runs[last[agent]]
            since = before.since or str(before.message["ts"])
            run = Run(message, before.same + 1, since, before.first)
        runs[number] = run
        last[agent] = number
    yield from runs.values()


def _says(stored: JsonObject) -> Any:
    """What a heartbeat says beside the time; None: it is none."""
    if stored["kind"] != "heartbeat":
        return None
    said = {key: value for key, value in stored["message"].items() if key not in _PASSING}
    return said, stored["agent"]
