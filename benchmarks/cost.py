"""Memory, CPU and wake-ups of a process, as Linux counts them."""

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


def wake_ups(pid: int) -> int:
    """How often its threads went to sleep of their own accord so far, and so had to be woken."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    word = "\nvoluntary_ctxt_switches:"
    return sum(int((task / "status").read_text().split(word)[1].split()[0]) for task in tasks)
