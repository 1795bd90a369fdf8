"""Which fields and metrics an agent uses: told where earlier weeks had others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Final

from fleet.auditor.detection.scanner import shown
from fleet.auditor.rules import scope
from fleet.auditor.rules.digester import Digester
from fleet.auditor.rules.rule import Rule
from fleet.auditor.tally import Known
from fleet.contract.topics import FROM_AGENT

MAX_NAMES: Final = 1_000
"""Metric names of one agent that are told apart: thirty full messages without a repetition."""

Found = Iterator[tuple[Rule, str, str]]
"""A rule, the field, and what matched."""


class ScopeWatch:
    """
    Args:
        seen: fields and metrics by agent from earlier reports; None where there are none.
        shapes: those of this run, which it adds to.
    """

    def __init__(
        self,
        digest: Digester,
        seen: Mapping[str, frozenset[str]] | None,
        shapes: dict[str, set[str]],
    ) -> None:
        self._digest, self._seen, self._shapes = digest, seen, shapes

    def note(self, known: Known, fields: Set[str], metrics: Mapping[str, float]) -> Found:
        """Remember what a message of `known` has; what of it is new since earlier reports."""
        had = known.noted
        kind, agent = known.address.kind, known.traffic.agent
        if kind not in FROM_AGENT or len(known.metrics) > MAX_NAMES:
            return
        names = {f"{kind}.{name}" for name in fields - had}
        # A name that may itself be a leak is remembered by its digest.
        for name in metrics.keys() - known.metrics:
            names.add(f"metrics.{name if shown(name) == name else '#' + self._digest(name)}")
        had |= fields
        known.metrics.update(metrics)
        if self._seen is not None and agent not in self._seen and agent not in self._shapes:
            yield scope.NEW_AGENT, "topic", agent
        before = self._shapes.setdefault(agent, set())
        if self._seen is not None and agent in self._seen:
            for name in sorted(names - before - self._seen[agent]):
                yield scope.NEW_SHAPE, name, name
        before |= names
