"""Disk and memory: a used share held against two limits."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity

Usage = tuple[float, float]
"""(bytes free, bytes in all)"""


class LimitProbe:
    """Warns at `warn` percent used and fails at `fail`; unknown where it cannot be read."""

    timeout = 5.0
    ignores = "names and contents of files"

    def __init__(
        self,
        plane: Plane,
        code: AlertCode,
        measure: Callable[[], Usage | None],
        reads: str,
        *,
        warn: float,
        fail: float,
    ) -> None:
        self.plane = plane.value
        self.name = plane.value
        self.reads = reads
        self._code = code
        self._measure = measure
        self._warn = warn
        self._fail = fail

    def run(self) -> ProbeResult:
        usage = self._measure()
        if usage is None or usage[1] <= 0:
            return ProbeResult(self.plane, Check.UNKNOWN, why="the system does not say")
        free, total = usage
        used = round(100 * (1 - free / total), 2)
        check = (
            Check.FAIL if used >= self._fail else Check.WARN if used >= self._warn else Check.PASS
        )
        severity = Severity.CRITICAL if check is Check.FAIL else Severity.WARNING
        firing = check is not Check.PASS
        evidence = AlertEvidence(
            self._code.value, firing, severity, value=used, threshold=self._warn, source=self.name
        )
        metrics = {f"{self.plane}_available_bytes": free, f"{self.plane}_size_bytes": total}
        return ProbeResult(self.plane, check, [evidence], metrics=metrics)


def disk_probe(path: Path, *, warn: float, fail: float) -> LimitProbe:
    """Room on the file system of `path`, as an unprivileged process may use it."""

    def measure() -> Usage | None:
        try:
            found = os.statvfs(path)
        except OSError:
            return None
        usable = found.f_blocks - found.f_bfree + found.f_bavail
        return found.f_bavail * found.f_frsize, usable * found.f_frsize

    reads = f"free and total space of the file system of {path}"
    return LimitProbe(Plane.DISK, AlertCode.DISK_PRESSURE, measure, reads, warn=warn, fail=fail)


def memory_probe(*, warn: float, fail: float) -> LimitProbe:
    """Memory left to this container where it has a limit, else to the machine."""
    reads = "the memory limit of the container, else MemAvailable of the machine"
    return LimitProbe(
        Plane.MEMORY, AlertCode.MEMORY_PRESSURE, memory_left, reads, warn=warn, fail=fail
    )


_CGROUP: Final = Path("/sys/fs/cgroup")
_MEMINFO: Final = Path("/proc/meminfo")


def memory_left(cgroup: Path = _CGROUP, meminfo: Path = _MEMINFO) -> Usage | None:
    """(available, total) in bytes; None where the system does not tell."""
    limit, used = _number(cgroup / "memory.max"), _number(cgroup / "memory.current")
    if limit is not None and used is not None:
        cache = _inactive_file(cgroup / "memory.stat")
        return max(0.0, limit - used + cache), limit
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return None
    sizes = {line.partition(":")[0]: line.split() for line in lines if ":" in line}
    try:
        return 1024 * float(sizes["MemAvailable"][1]), 1024 * float(sizes["MemTotal"][1])
    except (KeyError, IndexError, ValueError):
        return None


def _number(path: Path) -> float | None:
    """The number in a file of the control group; None for `max` and where there is no file."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def _inactive_file(path: Path) -> float:
    """Bytes of file cache that the kernel gives back before it kills anybody."""
    try:
        for line in path.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "inactive_file":
                return float(value)
    except (OSError, ValueError):
        pass
    return 0.0
