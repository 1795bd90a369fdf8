"""Silences and maintenance applied to the views of a fleet: what holds back whose alerts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fleet.domain.agent_view import AgentView
from fleet.domain.silences import Silence


def apply_silences(
    views: Iterable[AgentView], silences: Iterable[Silence], now: float
) -> list[AgentView]:
    """`views`, each with what holds its alerts back at `now`."""
    lasting = [silence for silence in silences if silence.until > now]
    return [_held_by(view, tuple(s for s in lasting if s.concerns(view.agent))) for view in views]


def _held_by(view: AgentView, held: tuple[Silence, ...]) -> AgentView:
    """Most are held back by nothing, and need no copy."""
    return view if view.held == held else replace(view, held=held)
