"""Run the scenarios and print the table: `python -m tests.chaos [--slice] [--json FILE] [R1 …]`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.result import commit, stamped
from tests.chaos.all import SCENARIOS
from tests.chaos.scenario import AbsentError, Finding, Scenario


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="R1", help="which; all if none is named")
    parser.add_argument("--slice", action="store_true", help="the short form that CI runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there too")
    given = parser.parse_args()
    unknown = set(given.names) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; known are R1 to R19")
    rows = [
        judged(scenario, given.slice)
        for scenario in SCENARIOS
        if not given.names or scenario.name in given.names
    ]
    print_table(rows)
    if given.json:
        given.json.write_text(
            json.dumps(report(rows, given.slice), indent=1, ensure_ascii=False) + "\n"
        )
    return int(any(row["verdict"] == "BROKEN" for row in rows))


def judged(scenario: Scenario, short: bool) -> dict[str, Any]:
    """One row of the table. A scenario that fails to run has not held."""
    print(f"{scenario.name}: {scenario.fault} …", file=sys.stderr, flush=True)
    began = time.monotonic()
    numbers: dict[str, float] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            found: Finding = scenario.run(Path(folder) / "world", short)
        held = found.held and (found.in_time or short)
        seen, verdict, numbers = found.seen, "held" if held else "BROKEN", found.numbers
    except AbsentError as absent:
        seen, verdict = str(absent), "skipped"
    except (AssertionError, OSError) as error:
        seen, verdict = f"{type(error).__name__}: {error}", "BROKEN"
    took = round(time.monotonic() - began, 1)
    print(f"  {verdict} in {took} s: {seen}", file=sys.stderr, flush=True)
    return {
        "name": scenario.name, "fault": scenario.fault, "must_hold": scenario.must_hold,
        "seen": seen, "verdict": verdict, "seconds": took, "numbers": numbers,
        "form": "slice" if short else "whole",
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": commit(),
    }  # fmt: skip


def print_table(rows: list[dict[str, Any]]) -> None:
    """As Markdown, so that it can be pasted."""
    print("| # | Fault | Must hold | Seen | Verdict |\n|---|---|---|---|---|")
    for row in rows:
        cells = (row[name] for name in ("name", "fault", "must_hold", "seen", "verdict"))
        print("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")


def report(rows: list[dict[str, Any]], short: bool) -> dict[str, Any]:
    command = "sh scripts/chaos.sh" + (" --slice" if short else "")
    return stamped({"scenarios": rows}, command)


if __name__ == "__main__":
    sys.exit(main())
