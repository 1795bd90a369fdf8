"""The findings of one run: kept in full up to a bound, and counted beyond it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from fleet.auditor.detection.scanner import Leak
from fleet.auditor.rules.finding import Finding

MAX_FINDINGS: Final = 50_000
"""Findings kept in full: 20 MB. Beyond it they are counted by rule, and the report says so."""


class FindingLog:
    """
    Attributes:
        omitted: findings beyond those kept in full, by rule.
    """

    def __init__(self, on_finding: Callable[[Finding], None] | None = None) -> None:
        self.findings: list[Finding] = []
        self.omitted: Counter[str] = Counter()
        self._on_finding = on_finding
        self._clues: set[tuple[str, str, str, str]] = set()

    @property
    def clues(self) -> int:
        return len(self._clues)

    def has_clue(self, topic: str, leak: Leak) -> bool:
        """Whether a clue was met: what a name gives comes with every message, and is worth one."""
        clue = topic, leak.rule.id, leak.field, leak.matched
        if clue in self._clues or len(self._clues) >= MAX_FINDINGS:
            return True
        self._clues.add(clue)
        return False

    def add(self, finding: Finding) -> None:
        """Keep `finding`."""
        if self._on_finding is not None:
            self._on_finding(finding)
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        else:
            self.omitted[finding.rule.id] += 1
