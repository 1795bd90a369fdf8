"""All benchmarks, one after the other, what they print kept: `python -m benchmarks.suite`.

    python -m benchmarks.suite [--quick] [--into FOLDER] [NAME ...]

Each runs in a process of its own with its time limit; its one JSON object becomes
FOLDER/NAME.json. `--quick` only shows that all of them work: its figures are not for quoting,
so they do not go where the page is made from.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.__main__ import benchmarks
from benchmarks.result import ROOT, stamped

RESULTS: Final = ROOT / "benchmarks/results"
QUICK: Final = ROOT / "build/bench"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The arguments of a benchmark, whole and quick, and seconds after which it has failed."""

    whole: str = ""
    quick: str = ""
    limit: float = 300.0


SIZES: Final[Mapping[str, Sizes]] = {
    "audit": Sizes(
        "--leaks 1200 --clean 300000", "--leaks 120 --clean 3000 --flat 20000", limit=600
    ),
    "broadcast": Sizes("1000 10000 --rounds 3", "100 --rounds 1"),
    "commands": Sizes("20 1000", "2 50"),
    "exposition": Sizes("1000 10000 100000", "1000"),
    "fleet_sim": Sizes("100 1000 10000", "100 --seconds 3"),
    "fleet_status": Sizes("100000", "1000", limit=900),
    "forecast": Sizes("0 0.2 0.5", "0.2", limit=600),
    "forecast_cost": Sizes("200", "10"),
    "history": Sizes("10000000", "100000", limit=600),
    "known_agents": Sizes("100000 postgres", "1000", limit=1200),
    "history_postgres": Sizes("10000000", "100000", limit=1800),
    "large_fleet": Sizes("100000 2000", "400 20 600 60", limit=900),
    "ingest": Sizes("200000", "20000"),
    "intake": Sizes("100000 3", "10000 1", limit=600),
    "intake_mixed": Sizes("100000 5", "10000 1 1", limit=1200),
    "intake_postgres": Sizes("100000 3", "10000 1", limit=600),
    "one_liner": Sizes("200", "5"),
    "reconnect": Sizes("1000", "50 --down 1"),
    "round_trip": Sizes("500 5", "100 1"),
    "scrape": Sizes("10000 8", "200 8"),
    "sidecar": Sizes("60", "5"),
    "state": Sizes("100000", "2000"),
    "tasks": Sizes("5000 50 3", "200 10 1"),
    "tasks_postgres": Sizes("2000 20 3", "100 5 1", limit=600),
    "work": Sizes("300 60 5", "10 4 1", limit=600),
}
"""One that is not named here runs without arguments."""


def run(name: str, quick: bool, folder: Path) -> str:
    """Run one; why it failed, or nothing."""
    sizes = SIZES.get(name, Sizes())
    words = (sizes.quick if quick else sizes.whole).split()
    argv = [sys.executable, "-m", "benchmarks", name, *words]
    try:
        done = subprocess.run(
            argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=sizes.limit, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done in {sizes.limit:.0f} s"
    if done.returncode:
        return f"ended with {done.returncode}"
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return "printed something else than JSON"
    if "date" not in found:
        found = stamped({"rows": found}, shlex.join(["python", *argv[1:]]))
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n")
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="suite", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all if none is named")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work at all?")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="where the results go")
    given = parser.parse_args()
    if unknown := set(given.names) - set(benchmarks()):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    folder = given.into or (QUICK if given.quick else RESULTS)
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in given.names or benchmarks():
        print(f"== {name} …", file=sys.stderr, end=" ", flush=True)
        began = time.monotonic()
        why = run(name, given.quick, folder)
        print(why or "done", f"({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
        failed |= bool(why)
    return failed


if __name__ == "__main__":
    sys.exit(main())
