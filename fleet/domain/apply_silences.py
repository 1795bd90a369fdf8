"""Silences and maintenance applied to the views of a fleet: what holds back whose alerts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fleet.contract.vocabulary import State
from fleet.domain.agent_view import AgentView
from fleet.domain.silences import MAX_MAINTENANCE, Silence, maintenance


def apply_silences(
    views: Iterable[AgentView], silences: Iterable[Silence], now: float
) -> list[AgentView]:
    """`views`, each with what holds its alerts back at `now`.

    An agent that states maintenance needs no hub to say so: it is silent from its last sign of
    life on, for as long as a hub would have it.
    """
    lasting = [silence for silence in silences if silence.until > now]
    return [replace(view, held=_held(view, lasting, now)) for view in views]


def _held(view: AgentView, silences: list[Silence], now: float) -> tuple[Silence, ...]:
    held = tuple(silence for silence in silences if silence.agent in ("", view.agent))
    seen = view.last_seen
    if view.says is State.MAINTENANCE and seen is not None and now < seen + MAX_MAINTENANCE:
        held += (maintenance("agent", seen, view.agent),)
    return held
