"""The report as SARIF 2.1.0, for code-scanning views and CI."""

from __future__ import annotations

from typing import Any, Final

from fleet import __version__
from fleet.auditor.report.reading import LOOKED_AT, MEANING, UNSEEN
from fleet.auditor.report.report import AuditReport
from fleet.auditor.report.suppressions import Suppression
from fleet.auditor.rules.catalogue import RULES
from fleet.auditor.rules.finding import Finding
from fleet.auditor.rules.rule import Rule
from fleet.contract.vocabulary import Severity

_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}
_PLACES: Final = {rule.id: place for place, rule in enumerate(RULES)}


def as_sarif(report: AuditReport) -> dict[str, Any]:
    results = [_result(finding) for finding in report.findings]
    results += [_result(finding, by) for finding, by in report.suppressed]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "fleet audit",
                        "semanticVersion": __version__,
                        "rules": [_rule(rule) for rule in RULES],
                        "fullDescription": {"text": f"{LOOKED_AT} Not seen: {'; '.join(UNSEEN)}."},
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "endTimeUtc": report.ts,
                        "toolExecutionNotifications": [
                            {
                                "level": "warning",
                                "message": {"text": f"gap: {gap.kind.value}, {gap.kind.meaning}"},
                            }
                            for gap in report.gaps
                        ],
                    }
                ],
                "results": results,
                "properties": {"leakBudget": dict(report.leak_budget)},
                "columnKind": "unicodeCodePoints",
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.finds},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"clause": rule.clause.value, "group": rule.group.value},
    }


def _sentence(finding: Finding) -> str:
    """For a reader who is no engineer: what, where, how sure, and what to do."""
    rule, sure = finding.rule, MEANING[finding.severity][0]
    where = f" in {finding.field}" if finding.field else ""
    return f"{rule.finds}{where} ({sure}; {rule.clause.value}). What to do: {rule.remedy}."


def _result(finding: Finding, by: Suppression | None = None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule.id,
        "ruleIndex": _PLACES[finding.rule.id],
        "level": _LEVELS[finding.severity],
        "message": {"text": _sentence(finding)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "capture.jsonl"},
                    "region": {"startLine": max(1, finding.line)},
                },
                "logicalLocations": [
                    {"fullyQualifiedName": f"{finding.topic}:{finding.field}", "kind": "member"}
                ],
            }
        ],
        "partialFingerprints": {"auditDigest/v1": finding.digest or finding.rule.id},
        "properties": {"length": finding.length},
    }
    if by is not None:
        why = f"{by.reason} ({by.owner})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
    return result
