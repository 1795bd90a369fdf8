"""The report: one value, which every renderer shows and no renderer adds to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fleet.auditor.audit import DAY, Audit
from fleet.auditor.capture.line_format import Gap
from fleet.auditor.report.suppressions import Suppression
from fleet.auditor.rules.finding import Finding
from fleet.auditor.tally import Tally
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Severity, Word


class Outcome(Word):
    """What a run says as a whole."""

    CLEAN = "clean", "no violation, and nothing is missing from the capture"
    VIOLATION = "violation", "at least one violation that no suppression covers"
    GAP = "gap", "no violation seen, but the capture has gaps that could hide one"


EXIT_CODES: Final = {Outcome.CLEAN: 0, Outcome.VIOLATION: 2, Outcome.GAP: 3}


@dataclass(frozen=True, slots=True)
class Trend:
    """This report beside the one before it."""

    before: str
    """The earlier report's name."""
    messages: int
    findings: int
    rules: dict[str, int]
    """Findings by rule, then and now alike counted as differences (now minus then)."""


@dataclass(slots=True)
class AuditReport:
    """One audit.

    Attributes:
        ts: when it was made, RFC 3339.
        omitted: findings beyond those kept in full, by rule.
        operations: what was done to the fleet meanwhile, as the hub knows it; empty: nobody said.
        leak_budget: the most bits a day that one agent could smuggle (`budget`).
    """

    ts: str
    messages: int
    since: str | None
    until: str | None
    findings: list[Finding]
    suppressed: list[tuple[Finding, Suppression]]
    gaps: list[Gap]
    omitted: Counter[str]
    tally: Tally
    leak_budget: Mapping[str, Any] = field(default_factory=dict)
    trend: Trend | None = None
    expired: tuple[Suppression, ...] = ()
    operations: Mapping[str, Any] = field(default_factory=dict)

    @property
    def violations(self) -> list[Finding]:
        """Findings that are more than worth knowing."""
        return [f for f in self.findings if f.severity is not Severity.INFO]

    @property
    def outcome(self) -> Outcome:
        if self.violations or self.omitted:
            return Outcome.VIOLATION
        return Outcome.GAP if self.gaps else Outcome.CLEAN

    @property
    def rules(self) -> Counter[str]:
        """Findings by rule, the omitted ones too."""
        return Counter(f.rule.id for f in self.findings) + self.omitted

    def as_dict(self) -> dict[str, Any]:
        """The JSON report."""
        return {
            "messages": self.messages,
            "findings": [finding.as_dict() for finding in self.findings],
            "gaps": [gap.as_dict() for gap in self.gaps],
            "ts": self.ts,
            "outcome": self.outcome.value,
            "since": self.since,
            "until": self.until,
            "rules": dict(sorted(self.rules.items())),
            "omitted": dict(sorted(self.omitted.items())),
            "suppressed": [
                {**finding.as_dict(), "suppression": suppression.as_dict()}
                for finding, suppression in self.suppressed
            ],
            "expired_suppressions": [suppression.as_dict() for suppression in self.expired],
            "traffic": self.traffic(),
            "shapes": {agent: sorted(names) for agent, names in sorted(self.tally.shapes.items())},
            "leak_budget": dict(self.leak_budget),
            "operations": dict(self.operations),
            "trend": None if self.trend is None else _trend(self.trend),
        }

    def traffic(self) -> list[dict[str, Any]]:
        """Messages and findings by day and agent; `*` stands for a name that is not shown."""
        found = Counter((int(f.at or 0) // DAY, f.agent or "*") for f in self.findings)
        keys = sorted(set(self.tally.days) | set(found))
        return [
            {
                "day": timestamp(day * DAY)[:10] if day else None,
                "agent": agent,
                "messages": self.tally.days.get((day, agent), 0),
                "findings": found.get((day, agent), 0),
            }
            for day, agent in keys
        ]


def _trend(trend: Trend) -> dict[str, Any]:
    return {
        "before": trend.before,
        "messages": trend.messages,
        "findings": trend.findings,
        "rules": dict(sorted(trend.rules.items())),
    }


def report_of(
    audit: Audit,
    gaps: Iterable[Gap],
    *,
    at: float,
    suppressions: Iterable[Suppression] = (),
    leak_budget: Mapping[str, Any] | None = None,
) -> AuditReport:
    """The report of a finished run at time `at`."""
    suppressions = list(suppressions)
    live = [one for one in suppressions if one.until > at]
    kept: list[Finding] = []
    held: list[tuple[Finding, Suppression]] = []
    for finding in audit.findings:
        by = next((one for one in live if one.covers(finding)), None)
        if by is None:
            kept.append(finding)
        else:
            held.append((finding, by))
    tally = audit.tally
    return AuditReport(
        ts=timestamp(at),
        messages=tally.messages,
        since=None if tally.first is None else _stamp(tally.first),
        until=None if tally.last is None else _stamp(tally.last),
        findings=kept,
        suppressed=held,
        gaps=list(gaps),
        omitted=audit.omitted,
        tally=tally,
        leak_budget=leak_budget or {},
        expired=tuple(one for one in suppressions if one.until <= at),
    )


def _stamp(at: float) -> str | None:
    try:
        return timestamp(at)
    except (ValueError, OverflowError, OSError):
        return None  # a time beyond the calendar, as a damaged capture may have
