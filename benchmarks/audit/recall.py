"""What the audit finds in the corpus: a hit counts only inside the field that leaks."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from benchmarks.audit.clean import clean
from benchmarks.audit.corpus import Case
from fleet.auditor.audit import Audit
from fleet.auditor.detection.scanner import leaves
from fleet.auditor.rules.digester import Digester
from fleet.auditor.rules.finding import Finding
from fleet.contract.reader import Reader
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import Severity

DETECTORS = ("pii", "secret", "text")


def an_audit() -> Audit:
    return Audit(Topics(), Reader(), Digester(b"benchmark"))


def findings(case: Case) -> list[Finding]:
    audit = an_audit()
    audit.examine(1, None, case.topic, case.payload.encode("utf-8", "surrogateescape"), False)
    return audit.findings


def is_inside(case: Case, finding: Finding) -> bool:
    """Whether a finding is in the field that leaks."""
    if case.where == "*":
        return "." not in finding.field
    return finding.field.startswith(case.where) or finding.field.startswith("*")


def texts(case: Case) -> list[tuple[bool, str]]:
    """Every level of the topic, key and value of a message, and whether it is where the leak is.

    For the others: given a whole message, both flag all of them, since timestamps and quoted
    JSON are enough.
    """
    found = [(case.where == "topic", level) for level in case.topic.split("/")]
    for leaf in leaves(json.loads(case.payload)):
        key = case.where == "*" and leaf.is_key and "." not in leaf.path
        path = case.where != "*" and leaf.path.startswith(case.where or "-")
        found.append((key or path, str(leaf.value)))
    return found


def recall(cases: list[Case], verbose: int) -> dict[str, Any]:
    """Shares of the leaks that were found, and how many values stand in reports."""
    met: Counter[str] = Counter()
    families: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for case in cases:
        found = findings(case)
        told = {f.rule.group.value for f in found if is_inside(case, f)}
        inside = not told.isdisjoint(DETECTORS)
        families[case.family] += 1
        hits[case.family] += inside
        met["any_alarm"] += bool(found)
        met["schema_alone"] += any(f.rule.group.value == "contract" for f in found)
        met["right_family"] += case.family in told
        met["valid"] += case.valid
        met["valid_hit"] += case.valid and inside
        shown = json.dumps([f.as_dict() for f in found])
        met["leaked"] += len(case.secret) > 5 and case.secret in shown
        if case.family not in told and verbose:
            verbose -= 1
            words = [(f.rule.id, f.field) for f in found]
            print(f"missed {case.sort} {case.where}: {case.secret!r} {words}", file=sys.stderr)
    total = len(cases)
    return {
        **{n: round(met[n] / total, 4) for n in ("any_alarm", "schema_alone", "right_family")},
        "within_contract": round(met["valid_hit"] / max(1, met["valid"]), 4),
        "by_family": {name: round(hits[name] / families[name], 4) for name in sorted(families)},
        "values_in_reports": met["leaked"],
    }


def false_alarms(count: int) -> dict[str, Any]:
    audit = an_audit()
    for number, case in enumerate(clean(count), 1):
        audit.examine(number, None, case.topic, case.payload.encode(), False)
    alarms = [f for f in audit.findings if f.severity is not Severity.INFO]
    rules = Counter(f"{f.rule.id} {f.field}" for f in alarms)
    return {
        "messages": count,
        "flagged": len(alarms),
        "rules": dict(rules),
        "clues": len(audit.findings) - len(alarms),
    }
