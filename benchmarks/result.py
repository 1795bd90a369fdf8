"""What every benchmark prints: one JSON object that says when, where and how it was made."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"


def tell(found: Mapping[str, Any]) -> None:
    """Print the result of the benchmark that runs, and nothing else on stdout."""
    print(json.dumps(stamped(found, command()), ensure_ascii=False), flush=True)


def stamped(found: Mapping[str, Any], command: str) -> dict[str, Any]:
    """A result with its date (UTC), machine, commit and command in front."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": machine(),
        "commit": commit(),
        "command": command,
        **found,
    }


def machine() -> str:
    """Cores, system and Python, in words."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = platform.system()
    return (
        f"{os.cpu_count()} cores, {system} {platform.machine()}, Python {platform.python_version()}"
    )


def commit() -> str:
    """The commit that ran, `+` behind it if files were changed since; empty outside a checkout.

    Results do not count: a run of all writes them one after the other.
    """
    code = (".", ":!benchmarks/results", ":!docs/performance.md")
    try:
        changed = _git("status", "--short", "--untracked-files=no", "--", *code)
        return _git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def command() -> str:
    """As a person would type it."""
    program = Path(sys.argv[0]).resolve()
    if program.parent == FOLDER:
        words = ["benchmarks", program.stem]
    elif program.stem == "__main__":
        words = ["benchmarks", program.parent.name]
    else:
        words = [".".join(program.relative_to(ROOT).with_suffix("").parts)]
    return shlex.join(["python", "-m", *words, *sys.argv[1:]])


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
