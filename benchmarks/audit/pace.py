"""Speed of the audit on a capture, and its memory over a run as long as one likes.

python -m benchmarks.audit.pace [--clean 100000] [--flat 1000000] [--seconds 240]

The long run makes its messages on the way, spread over a week, and ends early when its time is
up; memory is noted each quarter of a million.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import cost
from benchmarks.audit.clean import clean
from benchmarks.audit.recall import an_audit
from benchmarks.result import tell
from fleet.auditor import replay
from fleet.auditor.report.report import report_of

START: Final = 1_773_869_400
WEEK: Final = 7 * 86_400.0
EVERY: Final = 250_000


def speed(count: int) -> dict[str, Any]:
    """Messages a second of one core, from a file to findings; the second time over it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.jsonl"
        with path.open("w") as stream:
            for number, case in enumerate(clean(count)):
                line = {"ts": START + number / 50, "topic": case.topic,
                        "payload": case.payload, "retain": False}  # fmt: skip
                stream.write(json.dumps(line) + "\n")
        replay.over_files(an_audit(), [path])
        started = time.process_time()
        audit = an_audit()
        replay.over_files(audit, [path])
        spent = time.process_time() - started
        report = report_of(audit, [], at=START)
    return {"messages": report.messages, "per_s_per_core": round(report.messages / spent)}


def flat(count: int, seconds: float) -> dict[str, Any]:
    """MiB of this process each EVERY messages, and how much it grew after the first."""
    audit = an_audit()
    every = min(EVERY, max(1, count // 4))
    held: list[float] = []
    began, spent, number = time.monotonic(), 0.0, 0
    for number, case in enumerate(clean(count), 1):
        payload = case.payload.encode()
        audit.examine(number, START + WEEK * number / count, case.topic, payload, False)
        if number % every == 0:
            held.append(round(cost.mebibytes(os.getpid()), 1))
            print(f"{number:,} messages, {held[-1]} MiB", file=sys.stderr)
            spent = time.monotonic() - began
            if spent > seconds:
                break
    return {
        "messages": number,
        "asked": count,
        "seconds": round(spent, 1),
        "mib_every": every,
        "mib": held,
        "grew_mib": round(held[-1] - held[0], 1),
        "flagged": {f"{f.rule.id} {f.field}": f.line for f in audit.findings},
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="pace", description=__doc__)
    parser.add_argument("--clean", type=int, default=100_000)
    parser.add_argument("--flat", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=240.0, help="at most, for the long run")
    options = parser.parse_args()
    tell({"flat": flat(options.flat, options.seconds), "speed": speed(options.clean)})


if __name__ == "__main__":
    main()
