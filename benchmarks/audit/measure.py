"""Recall, families, false alarms, speed and memory of the audit, and of others on the same corpus.

python -m benchmarks.audit.measure [--leaks 1200] [--clean 300000] [--others]
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.audit import corpus
from benchmarks.audit.corpus import Case
from fleet.auditor import run
from fleet.auditor.audit import Audit
from fleet.auditor.finding import Digester, Finding
from fleet.auditor.report import conclude
from fleet.contract.reading import Reader
from fleet.contract.topics import Topics


def an_audit() -> Audit:
    return Audit(Topics(), Reader(), Digester(b"benchmark"))


def findings(case: Case) -> list[Finding]:
    audit = an_audit()
    audit.take(1, None, case.topic, case.payload.encode("utf-8", "surrogateescape"), False)
    return audit.findings


def is_inside(case: Case, finding: Finding) -> bool:
    """Whether a finding is in the field that leaks."""
    if case.where == "*":
        return "." not in finding.field
    return finding.field.startswith(case.where) or finding.field.startswith("*")


def share(part: int, whole: int) -> str:
    return f"{part}/{whole} = {part / whole:.3f}" if whole else "none"


def recall(cases: list[Case], verbose: int) -> None:
    alarm, valid, valid_hit, schema = 0, 0, 0, 0
    by: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    right: Counter[str] = Counter()
    sorts: Counter[str] = Counter()
    sort_hit: Counter[str] = Counter()
    leaked: list[str] = []
    missed = 0
    for case in cases:
        found = findings(case)
        alarm += bool(found)
        schema += any(f.rule.group.value == "contract" for f in found)
        detected = [f for f in found if f.rule.group.value in ("pii", "secret", "text")]
        inside = [f for f in detected if is_inside(case, f)]
        by[case.family] += 1
        sorts[case.sort] += 1
        hit[case.family] += bool(inside)
        sort_hit[case.sort] += bool(inside)
        right[case.family] += any(f.rule.group.value == case.family for f in inside)
        valid += case.valid
        valid_hit += case.valid and bool(inside)
        shown = json.dumps([f.as_dict() for f in found])
        if len(case.secret) > 5 and case.secret in shown:
            leaked.append(case.secret)
        wrong = not any(f.rule.group.value == case.family for f in inside)
        if wrong and missed < verbose:
            missed += 1
            told = [(f.rule.id, f.field) for f in found]
            print(f"  missed {case.sort} {case.family} {case.where}: {case.secret!r} {told}")
    total = len(cases)
    print(f"any alarm            {share(alarm, total)}   goal 0.98")
    print(f"schema alone         {share(schema, total)}")
    print(f"within the contract  {share(valid_hit, valid)}   goal 0.90")
    for family in sorted(by):
        goal = {"pii": "0.90", "secret": "0.95"}.get(family, "-")
        print(f"detectors, {family:<9} {share(hit[family], by[family])}   goal {goal}")
    print(f"right family         {share(sum(right.values()), total)}   goal 0.90")
    for sort in sorted(sorts):
        print(f"  {sort:<18} {share(sort_hit[sort], sorts[sort])}")
    print(f"values in reports    {len(leaked)}   goal 0")


def false_alarms(count: int) -> None:
    audit = an_audit()
    for number, case in enumerate(corpus.clean(count), 1):
        audit.take(number, None, case.topic, case.payload.encode(), False)
    rules = Counter(f"{f.rule.id} {f.field}" for f in audit.findings)
    print(f"false alarms         {len(audit.findings)} in {count:,}   goal 0   {dict(rules)}")


def speed(count: int, repeat: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.jsonl"
        with path.open("w") as stream:
            for number, case in enumerate(corpus.clean(count)):
                line = {"ts": 1_773_869_400 + number / 50, "topic": case.topic,
                        "payload": case.payload, "retain": False}  # fmt: skip
                stream.write(json.dumps(line) + "\n")
        audit = an_audit()
        run.over_files(audit, [path])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.process_time()
        audit = an_audit()
        run.over_files(audit, [path] * repeat)
        spent = time.process_time() - started
        report = conclude(audit, [], at=1_773_869_400)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"speed                {report.messages / spent:,.0f} messages/s/core   goal 50,000")
        print(f"memory               {after / 1024:.0f} MiB, grew {(after - before) / 1024:.1f}"
              f" over {report.messages:,} messages   goal 100, flat")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--leaks", type=int, default=1200)
    parser.add_argument("--clean", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--missed", type=int, default=0, help="show so many misses")
    parser.add_argument("--speed-only", action="store_true")
    parser.add_argument("--others", action="store_true", help="presidio and detect-secrets too")
    options = parser.parse_args()
    if not options.speed_only:
        cases = corpus.leaks(options.leaks, options.seed)
        recall(cases, options.missed)
        false_alarms(options.clean)
        if options.others:
            from benchmarks.audit import others

            others.compare(cases, list(corpus.clean(2_000)))
    speed(min(options.clean, 100_000), options.repeat)


if __name__ == "__main__":
    sys.exit(main())
