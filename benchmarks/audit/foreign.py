"""The audit on material that nobody here wrote: ordinary names from packages, leaks from Faker.

python -m benchmarks.audit.foreign [--each 20] [--seed 7] [--missed N] [--flagged N] [--others N]

Needs the extra `bench`, and for all names Debian's `apt-cache` and `wamerican`. An alarm is a
finding of severity warning or critical. What `decidable` is stands in `foreign_people.Leak`;
`seen` says that each word of a leak is in the audit's own lists, or its format in its data.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import peers
from benchmarks.audit import foreign_names, foreign_people, recall  # run as a file, too
from benchmarks.audit.compact import compact
from benchmarks.audit.corpus import TS, Case
from benchmarks.audit.foreign_people import Leak
from benchmarks.result import tell
from fleet.auditor.rules.finding import Finding
from fleet.contract.vocabulary import Severity

BEAT: dict[str, Any] = {"ok": True, "ts": TS, "uptime": 60, "boot": 1_773_000_000_000, "seq": 7}


def message(shape: str, text: str) -> tuple[str, str, str]:
    """Topic, payload and the field in which `text` stands."""
    if shape == "agent":
        return f"fleet/{text}/heartbeat", compact(BEAT), "topic"
    if shape == "metric":
        return "fleet/a1/heartbeat", compact({**BEAT, "metrics": {text: 1}}), "metrics"
    if shape == "version":
        status = {"state": "running", "ts": TS, "versions": {"agent": text}}
        return "fleet/a1/status", compact(status), "versions.agent"
    return "fleet/a1/heartbeat", compact({**BEAT, "note": text}), "note"


def alarms(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.severity is not Severity.INFO]


def false_alarms(shown: int = 0) -> dict[str, Any]:
    """Of each source's names, how many raise an alarm; and of those that bear nobody's name."""
    result: dict[str, Any] = {}
    total: Counter[str] = Counter()
    for source in foreign_names.SOURCES:
        names = foreign_names.names(source)
        flagged = ordinary = ordinary_flagged = 0
        for name in names:
            topic, payload, where = message(source.place, name)
            case = Case(topic, payload, where=where)
            told = alarms(recall.findings(case))
            flagged += bool(told)
            if not foreign_names.is_somebody(name):
                ordinary += 1
                ordinary_flagged += bool(told)
            if told and shown:
                shown -= 1
                rules = [(f.rule.id, f.severity.value) for f in told]
                print(f"flagged {source.name}: {name!r} {rules}", file=sys.stderr)
        result[source.name] = {"names": len(names), "flagged": flagged}
        total.update(names=len(names), flagged=flagged)
        total.update(ordinary=ordinary, ordinary_flagged=ordinary_flagged)

    def per_10_000(part: str, of: str) -> float:
        return round(total[part] * 10_000 / max(1, total[of]), 2)

    return {
        "sources": result, **total, "per_10_000": per_10_000("flagged", "names"),
        "ordinary_per_10_000": per_10_000("ordinary_flagged", "ordinary"),
    }  # fmt: skip


class Score:
    """Shares over leaks; those that are not decidable count in `all` alone."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, leak: Leak, *, alarm: bool, inside: bool, family: bool) -> None:
        self._counts.update(all=1, all_alarm=alarm)
        if not leak.decidable:
            return
        self._counts.update(decidable=1, alarm=alarm, family=family)
        if leak.shape != "field":
            self._counts.update(shaped=1, shaped_hit=inside)

    def shares(self) -> dict[str, Any]:
        n = self._counts

        def share(part: str, of: str) -> float | None:
            return round(n[part] / n[of], 4) if n[of] else None

        return {
            "leaks": n["all"], "decidable": n["decidable"],
            "any_alarm": share("alarm", "decidable"),
            "shaped": share("shaped_hit", "shaped"), "right_family": share("family", "decidable"),
            "any_alarm_of_all": share("all_alarm", "all"),
        }  # fmt: skip


def judged(leaks: list[Leak], missed: int = 0) -> dict[str, Any]:
    """Scores of all, by seen and unseen, by kind and by locale."""
    scores: dict[tuple[str, str], Score] = defaultdict(Score)
    shown: Counter[str] = Counter()
    for leak in leaks:
        topic, payload, where = message(leak.shape, leak.text)
        case = Case(topic, payload, leak.family, leak.text, where)
        told = alarms(recall.findings(case))
        groups = {f.rule.group.value for f in told if recall.is_inside(case, f)}
        inside = not groups.isdisjoint(recall.DETECTORS)
        half = {True: "seen", False: "unseen", None: "no words"}[leak.seen]
        kind = "token" if leak.family == "secret" else leak.kind
        for name in (
            ("", "all"),
            ("half", half),
            ("kind", kind),
            ("family", leak.family),
            ("locale", leak.locale or "-"),
        ):
            scores[name].add(leak, alarm=bool(told), inside=inside, family=leak.family in groups)
        if leak.decidable and leak.family not in groups and shown[leak.kind] < missed:
            shown[leak.kind] += 1
            rules = [(f.rule.id, f.field) for f in told]
            print(f"missed {leak.kind} {leak.shape} {leak.locale} {half}: {leak.text!r} {rules}",
                  file=sys.stderr)  # fmt: skip
    found: dict[str, Any] = defaultdict(dict)
    for (table, name), score in sorted(scores.items()):
        found[table or "total"][name] = score.shares()
    return dict(found)


def beside_others(leaks: list[Leak], count: int) -> dict[str, Any]:
    """What we and others find of `count` decidable leaks a family, and of as many clean names; all
    are given the bare value. Empty where they are not installed."""
    python = peers.python_of("detectors")
    if not python:
        return {}
    r = random.Random(1)
    given: list[Leak] = []
    for family in ("pii", "secret"):
        of = [leak for leak in leaks if leak.decidable and leak.family == family]
        given += r.sample(of, min(count, len(of)))
    clean = [name for source in foreign_names.SOURCES for name in foreign_names.names(source)]
    clean = r.sample(clean, min(count, len(clean)))
    done = subprocess.run(
        [python, Path(__file__).with_name("foreign_others.py")],
        input=json.dumps({"leaks": [[one.family, one.text] for one in given], "clean": clean}),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    shares = judged(given)["family"]
    ours = {family: shares[family]["right_family"] for family in ("pii", "secret")}
    return {"ours": ours, **json.loads(done.stdout)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=20, help="leaks of each kind and locale")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--missed", type=int, default=0, help="show misses of each kind")
    parser.add_argument("--flagged", type=int, default=0, help="show false alarms")
    parser.add_argument("--others", type=int, default=0, help="leaks a family for others, too")
    parser.add_argument("--no-clean", action="store_true", help="leaks alone")
    options = parser.parse_args()
    leaks = list(foreign_people.everything(options.each, options.seed))
    clean = {} if options.no_clean else {"clean": false_alarms(options.flagged)}
    others = {"others": beside_others(leaks, options.others)} if options.others else {}
    tell({"seed": options.seed, "leaks": judged(leaks, options.missed), **clean, **others})


if __name__ == "__main__":
    main()
