"""Recall, families, false alarms, speed and memory of the audit, and of others on the same corpus.

python -m benchmarks audit [--leaks 1200] [--clean 300000] [--flat 1000000] [--missed N]

The others are presidio's patterns and detect-secrets, in an environment of their own. Speed and
memory are measured in a process of their own: `python -m benchmarks.audit.pace --flat 10000000`
is the long run alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import peers  # noqa: E402  # run as a file, too
from benchmarks.audit import corpus, recall  # noqa: E402
from benchmarks.audit.clean import clean  # noqa: E402
from benchmarks.audit.corpus import Case  # noqa: E402
from benchmarks.result import tell  # noqa: E402

CLEAN_FOR_OTHERS = 300
"""Clean messages for them: at their speed 300,000 would take a quarter of an hour."""


def others(cases: list[Case]) -> dict[str, Any]:
    """What others find; empty where they are not installed."""
    python = peers.python_of("detectors")
    if not python:
        return {}
    given = {
        "leaks": [{"family": case.family, "texts": recall.texts(case)} for case in cases],
        "clean": [recall.texts(case) for case in clean(CLEAN_FOR_OTHERS)],
    }
    done = subprocess.run(
        [python, Path(__file__).with_name("others.py")],
        input=json.dumps(given), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def pace(options: argparse.Namespace) -> dict[str, Any]:
    """Speed and memory, without this process's corpus in its own."""
    sizes = ["--clean", str(min(options.clean, 100_000)), "--flat", str(options.flat)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.audit.pace", *sizes],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return {"speed": found["speed"], "flat": found["flat"]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="audit", description=__doc__)
    parser.add_argument("--leaks", type=int, default=1200)
    parser.add_argument("--clean", type=int, default=300_000)
    parser.add_argument("--flat", type=int, default=1_000_000, help="messages of the long run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--missed", type=int, default=0, help="show so many misses on stderr")
    options = parser.parse_args()
    cases = corpus.leaks(options.leaks, options.seed)
    ours = recall.recall(cases, options.missed)
    tell(
        {
            "leaks": options.leaks,
            "seed": options.seed,
            "recall": ours,
            "clean": recall.false_alarms(options.clean),
            **pace(options),
            "others": others(cases),
        }
    )


if __name__ == "__main__":
    main()
