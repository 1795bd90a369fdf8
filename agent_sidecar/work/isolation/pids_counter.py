"""How often the kernel refused a container another process: its control group counts, and is gone
with the container, so that one has to look while it runs.
"""

from __future__ import annotations

from pathlib import Path

from fleet.contract.trusted_path import read_plain


def refusals_file(pid: int) -> Path | None:
    """Where the kernel counts for the group of a process; None where it cannot be found, as where
    the engine is another machine's."""
    try:
        lines = read_plain(Path(f"/proc/{pid}/cgroup"), 16_384).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        controllers, _, group = line.partition(":")[2].partition(":")
        if "pids" in controllers.split(",") or (not controllers and len(lines) == 1):
            above = Path("/sys/fs/cgroup") / ("pids" if controllers else "")
            return above / group.lstrip("/") / "pids.events"
    return None


def refusals(path: Path | None) -> int:
    """How often it said no; 0 where that is not known."""
    if path is None:
        return 0
    try:
        words = read_plain(path, 1024).split()
        return int(words[words.index(b"max") + 1])
    except (OSError, ValueError, IndexError):
        return 0
