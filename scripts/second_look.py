"""Runs the tests; those few that failed beside the others are run once more, alone.

    python scripts/second_look.py [PYTEST-ARGUMENTS]

Four workers on two cores, with real brokers, databases and agents, are a rough machine: a test
that lost a race against its neighbours says little of the change under test. A test of real
processes that passes alone is named as unsteady, at the end, and is somebody's next task: it hides
a fault of its own or one of the product. Nothing else is forgiven: a test without processes, more
than `FORGIVEN` of them, an error while collecting, a second failure. Exit code as pytest's.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FORGIVEN: Final = 4
"""More than these point to a cause that they share."""

ROUGH: Final = ("tests/acceptance/", "tests/integration/", "tests/docs/")
"""Where tests start real processes."""

FAILED: Final = 1
"""pytest's exit code of a run that came to its end, with failures."""

CACHE: Final = Path(".pytest_cache/v/cache/lastfailed")


def again(failed: Iterable[str]) -> list[str]:
    """Those of a first run that are worth a second look, by their names without the group that
    xdist adds; empty when one of them is none, or when they are too many."""
    names = sorted({re.sub(r"@[\w-]+$", "", name) for name in failed})
    rough = all("::" in name and name.startswith(ROUGH) for name in names)
    return names if rough and len(names) <= FORGIVEN else []


def run(*arguments: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments], check=False
    ).returncode


def main(arguments: list[str]) -> int:
    code = run("-n", "auto", "--dist", "loadgroup", "--cache-clear", *arguments)
    if code != FAILED or not CACHE.is_file():
        return code
    names = again(json.loads(CACHE.read_text()))
    if not names:
        return code
    print(f"\n== {len(names)} that failed, once more and alone", flush=True)
    code = run("--tb=short", *names)
    if code == 0:
        print("\nUNSTEADY: failed beside the others, passed alone. Find out why:")
        print("\n".join(f"  {name}" for name in names), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
