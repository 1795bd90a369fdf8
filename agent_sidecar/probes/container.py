"""A Docker container, asked for through the daemon's socket with a few GET requests.

The SDK costs more memory than the rest of a sidecar, and two read-only calls need none of it.
The daemon may be away: then the plane is unknown and the sidecar goes on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from agent_sidecar.probes.http import HttpAddress, get
from agent_sidecar.probes.image_reference import version_of
from agent_sidecar.probes.restarts import Restarts
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity

PATIENCE: Final = 3.0
"""Seconds for one answer of the daemon; it slows down under load but answers within one."""

OOM_WINDOW: Final = 3600.0
"""Seconds that a kill for want of memory stays an alert, since nothing else ends it."""

_HEALTH: Final = {
    "healthy": Check.PASS,
    "starting": Check.WARN,
    "unhealthy": Check.FAIL,
}


class ContainerProbe:
    """State, health, restarts, kills for want of memory, memory and CPU of one container."""

    plane = Plane.PROCESS.value
    name = "container"
    timeout = 2 * PATIENCE + 0.5
    ignores = "environment, labels, mounts and logs of the container"

    def __init__(self, container: str, path: Path, *, tells_version: bool = False) -> None:
        """`tells_version`: nothing else knows which version runs, so its image's tag is it."""
        self._tells_version = tells_version
        self._container = quote(container, safe="")
        self._address = HttpAddress("docker", path=str(path))
        self._restarts = Restarts(self.name)
        self._started: object = None
        self._killed: float | None = None
        version = ", its image's tag" if tells_version else ""
        self.reads = f"state, health, restarts, memory, CPU{version} of {container} through {path}"

    def run(self) -> ProbeResult:
        try:
            status, document = self._get(f"/containers/{self._container}/json")
            usage = self._usage() if status == 200 else {}
        except OSError as error:
            why = error.strerror or type(error).__name__
            return ProbeResult(self.plane, Check.UNKNOWN, why=f"Docker does not answer: {why}")
        state = document.get("State")
        if status == 404:
            return ProbeResult(self.plane, Check.FAIL, [self._down(firing=True)])
        if status != 200 or not isinstance(state, dict):
            return ProbeResult(self.plane, Check.UNKNOWN, why=f"Docker answers HTTP {status}")
        return self._judged(document, state, usage, time.monotonic())

    def _judged(
        self,
        document: Mapping[str, Any],
        state: Mapping[str, Any],
        usage: dict[str, float],
        now: float,
    ) -> ProbeResult:
        running = state.get("Running") is True
        self._count_restarts(document, state, now)
        if state.get("OOMKilled") is True:
            self._killed = now
        killed = self._killed is not None and now - self._killed <= OOM_WINDOW
        source = self.name
        return ProbeResult(
            self.plane,
            _check(state) if running else Check.FAIL,
            [
                self._down(firing=not running),
                self._restarts.evidence(now),
                AlertEvidence(
                    AlertCode.MEMORY_PRESSURE.value, killed, Severity.CRITICAL, source=source
                ),
            ],
            metrics={"restarts_total": self._restarts.total, **usage},
            uptime=_uptime(state.get("StartedAt")) if running else None,
            versions=self._versions(document) if running and not state.get("Restarting") else {},
        )

    def _versions(self, document: Mapping[str, Any]) -> dict[str, str]:
        made_of = _object(document, "Config").get("Image")
        version = version_of(made_of) if self._tells_version and isinstance(made_of, str) else ""
        return {"agent": version} if version else {}

    def _count_restarts(
        self, document: Mapping[str, Any], state: Mapping[str, Any], now: float
    ) -> None:
        """The daemon counts those of its restart policy; a new start by hand is one too."""
        count, started = document.get("RestartCount"), state.get("StartedAt")
        before = self._restarts.total
        self._restarts.counted(count if isinstance(count, int) else 0, now)
        by_hand = started != self._started and self._restarts.total == before
        if self._started is not None and by_hand:
            self._restarts.happened(now)
        self._started = started

    def _usage(self) -> dict[str, float]:
        path = f"/containers/{self._container}/stats?stream=false&one-shot=true"
        status, stats = self._get(path)
        if status != 200:
            return {}
        memory, cpu = _object(stats, "memory_stats"), _object(stats, "cpu_stats")
        used, total = memory.get("usage"), _object(cpu, "cpu_usage").get("total_usage")
        found: dict[str, float] = {}
        if isinstance(used, int):
            # As `docker stats` counts: file cache that the kernel can take back is not used.
            cache = _object(memory, "stats").get("inactive_file")
            found["memory_bytes"] = max(0, used - (cache if isinstance(cache, int) else 0))
        if isinstance(total, int):
            found["cpu_seconds_total"] = round(total / 1e9, 2)
        return found

    def _get(self, target: str) -> tuple[int, dict[str, Any]]:
        answer = get(self._address, target, PATIENCE)
        return answer.status, answer.document() or {}

    def _down(self, *, firing: bool) -> AlertEvidence:
        return AlertEvidence(
            AlertCode.PROCESS_DOWN.value, firing, Severity.CRITICAL, source=self.name
        )


def _check(state: Mapping[str, Any]) -> Check:
    """The verdict on a container that runs."""
    if state.get("Paused") is True or state.get("Restarting") is True:
        return Check.WARN
    return _HEALTH.get(str(_object(state, "Health").get("Status")), Check.PASS)


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _uptime(started: object) -> float | None:
    """Seconds since Docker's RFC 3339 time, which has nine digits after the point."""
    if not isinstance(started, str):
        return None
    try:
        moment = datetime.fromisoformat(f"{started[:19]}+00:00")
    except ValueError:
        return None
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())
