"""Whether so much of a fleet fell silent at once that the broker or the network is the cause."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fleet.domain.agent_view import AgentView
from fleet.domain.failover.signs import SILENT
from fleet.domain.verdict import Verdict

QUIET: Final = (Verdict.LATE, *SILENT)
"""Verdicts of the last tick of whoever may be silent now: it was late a while before."""

WINDOW: Final = 60.0
"""Seconds within which silences count as one: last wills come at once, staleness by an interval."""

SHARE: Final = 0.3
"""Share of the fleet."""

LEAST: Final = 2
"""Agents: the silence of one is its own, however small the fleet."""

REMEMBERED: Final = 3600.0
"""Seconds after which a silence is an agent's own again: a broker would have been mended."""


def is_in_doubt(quiet: Iterable[AgentView], members: int, now: float) -> bool:
    """Of agents that are silent, without having said goodbye: whether too many began together.
    `quiet` has all that are; `members` is how many there are in the fleet."""
    began = sorted(
        view.since
        for view in quiet
        if view.enrolled and view.state in SILENT and not view.goodbye and view.since is not None
        and now - view.since <= REMEMBERED
    )  # fmt: skip
    most = max(LEAST - 1, int(SHARE * members))
    return any(last - first <= WINDOW for first, last in zip(began, began[most:], strict=False))
