"""Whether so much of a fleet fell silent at once that the broker or the network is the cause."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fleet.domain.agent_view import AgentView
from fleet.domain.failover.signs import SILENT

WINDOW: Final = 60.0
"""Seconds within which silences count as one: last wills come at once, staleness by an interval."""

SHARE: Final = 0.3
"""Share of the fleet."""

LEAST: Final = 2
"""Agents: the silence of one is its own, however small the fleet."""

REMEMBERED: Final = 3600.0
"""Seconds after which a silence is an agent's own again: a broker would have been mended."""


def is_in_doubt(views: Iterable[AgentView], now: float) -> bool:
    """Of agents that are silent, without having said goodbye: whether too many began together."""
    everyone = [view for view in views if view.enrolled]
    began = sorted(
        view.since
        for view in everyone
        if view.state in SILENT and not view.goodbye and view.since is not None
        and now - view.since <= REMEMBERED
    )  # fmt: skip
    most = max(LEAST - 1, int(SHARE * len(everyone)))
    return any(last - first <= WINDOW for first, last in zip(began, began[most:], strict=False))
