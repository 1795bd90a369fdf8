"""A Docker container, asked for through the daemon's socket with a few GET requests.

The SDK costs more memory than the rest of a sidecar, and two read-only calls need none of it.
The daemon may be away: then the plane is unknown and the sidecar goes on.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from agent_sidecar.probes.base import Finding, Sign
from fleet.contract.words import AlertCode, Check, Plane, Severity

MAX_ANSWER: Final = 1024 * 1024
"""Bytes; an inspect answer with a long environment is some tens of KiB."""

_HEALTH: Final = {
    "healthy": Check.PASS,
    "starting": Check.WARN,
    "unhealthy": Check.FAIL,
}


class ContainerProbe:
    """State, health, restarts, kills for memory, memory and CPU of one container."""

    plane = Plane.PROCESS.value
    name = "container"
    timeout = 8.0
    ignores = "environment, labels, mounts and logs of the container"

    def __init__(self, container: str, path: Path) -> None:
        self._container = quote(container, safe="")
        self._socket = path
        self._restarts: float | None = None
        self.reads = f"state, health and restart count of {container} through {path}"

    def run(self) -> Finding:
        try:
            status, document = self._get(f"/containers/{self._container}/json")
            usage = self._usage() if status == 200 else {}
        except (OSError, HTTPException, ValueError):
            return Finding(self.plane, Check.UNKNOWN)
        if status == 404:
            return Finding(self.plane, Check.FAIL, [_down(True)])
        state = document.get("State")
        if status != 200 or not isinstance(state, dict):
            return Finding(self.plane, Check.UNKNOWN)
        return self._judged(document, state, usage)

    def _judged(
        self, document: Mapping[str, Any], state: Mapping[str, Any], usage: dict[str, float]
    ) -> Finding:
        running = state.get("Running") is True
        health = state.get("Health")
        word = health.get("Status") if isinstance(health, dict) else None
        check = _HEALTH.get(str(word), Check.PASS) if running else Check.FAIL
        if state.get("Paused") is True or state.get("Restarting") is True:
            check = Check.WARN if running else Check.FAIL
        restarts = float(document.get("RestartCount") or 0)
        again = None if self._restarts is None else restarts > self._restarts
        self._restarts = restarts
        oom = state.get("OOMKilled") is True
        return Finding(
            self.plane,
            check,
            [
                _down(not running),
                Sign(AlertCode.RESTART_LOOP.value, again, value=restarts),
                Sign(AlertCode.MEMORY_PRESSURE.value, True if oom else None, Severity.CRITICAL),
            ],
            metrics={"restarts_total": restarts, **usage},
            uptime=_uptime(state.get("StartedAt")) if running else None,
        )

    def _usage(self) -> dict[str, float]:
        path = f"/containers/{self._container}/stats?stream=false&one-shot=true"
        status, stats = self._get(path)
        memory, cpu = stats.get("memory_stats"), stats.get("cpu_stats")
        found: dict[str, float] = {}
        if status == 200 and isinstance(memory, dict) and isinstance(memory.get("usage"), int):
            found["memory_bytes"] = memory["usage"]
        if status == 200 and isinstance(cpu, dict) and isinstance(cpu.get("cpu_usage"), dict):
            total = cpu["cpu_usage"].get("total_usage")
            if isinstance(total, int):
                found["cpu_seconds_total"] = round(total / 1e9, 2)
        return found

    def _get(self, path: str) -> tuple[int, dict[str, Any]]:
        connection = _UnixConnection(self._socket, self.timeout / 4)
        try:
            connection.request("GET", path, headers={"Host": "docker"})
            response = connection.getresponse()
            document = json.loads(response.read(MAX_ANSWER))
            return response.status, document if isinstance(document, dict) else {}
        finally:
            connection.close()


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _down(firing: bool) -> Sign:
    return Sign(AlertCode.PROCESS_DOWN.value, firing, Severity.CRITICAL)


def _uptime(started: object) -> float | None:
    """Seconds since Docker's RFC 3339 time, which has nine digits after the point."""
    if not isinstance(started, str):
        return None
    try:
        moment = datetime.fromisoformat(f"{started[:19]}+00:00")
    except ValueError:
        return None
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())
