"""Like findings together, in the order and with the numbers by which every report names them."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.auditor.rules.finding import Finding

Group = tuple[Finding, list[Finding]]
"""The first of like findings, and all of them."""


def groups(findings: Iterable[Finding]) -> list[Group]:
    """Findings of one rule, topic, field and digest together, worst and most frequent first."""
    found: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.rule.id, finding.topic, finding.field, finding.digest)
        found.setdefault(key, []).append(finding)
    ordered = sorted(
        found.values(), key=lambda same: (-same[0].severity.rank, -len(same), same[0].line)
    )
    return [(same[0], same) for same in ordered]
