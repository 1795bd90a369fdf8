"""A systemd unit: what `systemctl show` says of it."""

from __future__ import annotations

import time
from typing import Final

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from agent_sidecar.probes.restarts import Restarts
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity

_PROPERTIES: Final = (
    "LoadState,ActiveState,NRestarts,ActiveEnterTimestampMonotonic,MemoryCurrent,CPUUsageNSec"
)
_CHECKS: Final = {
    "active": Check.PASS,
    "reloading": Check.PASS,
    "activating": Check.WARN,
    "deactivating": Check.WARN,
    "inactive": Check.FAIL,
    "failed": Check.FAIL,
}


class UnitProbe:
    """State, restarts, memory and CPU of one unit; unknown where systemd does not answer."""

    plane = Plane.PROCESS.value
    name = "unit"
    timeout = 6.0
    ignores = "the unit's journal, command line and environment"

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._restarts = Restarts(self.name)
        self.reads = f"systemctl show {unit}: {_PROPERTIES}"

    def run(self) -> ProbeResult:
        shown = self._show()
        check = _CHECKS.get(shown.get("ActiveState", ""), Check.UNKNOWN)
        if check is Check.UNKNOWN or shown.get("LoadState") == "not-found":
            why = "systemd does not answer, or knows no such unit"
            return ProbeResult(self.plane, Check.UNKNOWN, why=why)
        now = time.monotonic()
        self._restarts.counted(_number(shown, "NRestarts") or 0, now)
        metrics = {
            "restarts_total": self._restarts.total,
            "memory_bytes": _number(shown, "MemoryCurrent"),
            "cpu_seconds_total": _number(shown, "CPUUsageNSec", 1e9),
        }
        entered = _number(shown, "ActiveEnterTimestampMonotonic", 1e6)
        uptime = now - entered if entered and check is Check.PASS else None
        # While it starts or stops, nobody can tell; a loop of starts is the other alert.
        down = None if check is Check.WARN else check is Check.FAIL
        return ProbeResult(
            self.plane,
            check,
            [
                AlertEvidence(
                    AlertCode.PROCESS_DOWN.value, down, Severity.CRITICAL, source=self.name
                ),
                self._restarts.evidence(now),
            ],
            metrics={name: value for name, value in metrics.items() if value is not None},
            uptime=uptime,
        )

    def _show(self) -> dict[str, str]:
        import subprocess

        command = ["systemctl", "show", f"--property={_PROPERTIES}", "--", self._unit]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=self.timeout - 1, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return {}
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {name: value for name, _, value in pairs}


def _number(shown: dict[str, str], name: str, unit: float = 1.0) -> float | None:
    """A property as a number; systemd writes 2^64-1 and `[not set]` for what it does not know."""
    text = shown.get(name, "")
    if not text.isdecimal() or int(text) >= 2**63:
        return None
    return int(text) / unit
