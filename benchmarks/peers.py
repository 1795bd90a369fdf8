"""The programs we are measured beside, and where they are: `python -m benchmarks.peers` installs.

Python packages go into environments of their own in a cache folder, because what they depend on
is not ours; the others are Debian's packages, which scripts/bench.sh installs. A peer that is
absent makes no row: the page says "not installed".
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "fleet-benchmarks")

PACKAGES: Final = {
    "mqtt-exporter": ("mqtt-exporter>=1.12,<2",),
    "huey": ("huey>=2.5,<4",),
    "procrastinate": ("procrastinate>=3,<4", "psycopg[binary,pool]>=3.2,<4"),
    "pgqueuer": ("pgqueuer>=1,<2", "asyncpg>=0.29,<1"),
    "detectors": (
        "presidio-analyzer>=2.2,<3",
        "detect-secrets>=1.5,<2",
        "credsweeper>=1.14,<2",
    ),
}
"""Environment → what pip puts there."""

COLLECTD_MQTT: Final = Path("/usr/lib/collectd/mqtt.so")


def python_of(name: str) -> Path | None:
    """The interpreter of a peer's environment; None: not installed."""
    found = CACHE / name / "bin/python"
    return found if (CACHE / name / "installed").exists() else None


def go_exporter() -> str | None:
    return shutil.which("prometheus-mqtt-exporter")


def node_exporter() -> str | None:
    return shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")


def collectd() -> str | None:
    """collectd, if its MQTT plugin is there too."""
    return shutil.which("collectd") if COLLECTD_MQTT.exists() else None


def install() -> int:
    """Make the environments that are missing; 1 if one could not be."""
    failed = 0
    for name, packages in PACKAGES.items():
        if python_of(name):
            continue
        venv.create(CACHE / name, with_pip=True, clear=True)
        pip = [str(CACHE / name / "bin/python"), "-m", "pip", "install", "--quiet"]
        if subprocess.run([*pip, *packages], check=False, timeout=900).returncode:
            print(f"pip could not install {name}", file=sys.stderr)
            failed = 1
        else:
            (CACHE / name / "installed").touch()
    return failed


if __name__ == "__main__":
    sys.exit(install())
