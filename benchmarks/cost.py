"""Memory and CPU of a process, as Linux counts them."""

from __future__ import annotations

from pathlib import Path


def mebibytes(pid: int) -> float:
    """MiB in memory, shared pages included, as `ps` shows it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """Seconds on a CPU so far, of all its threads, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
