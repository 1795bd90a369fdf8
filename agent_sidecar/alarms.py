"""Alerts: what the signs of the probes come to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agent_sidecar.probes.base import AlertEvent, Finding


class AlarmBoard:
    """Holds what is firing, across restarts, in one small file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def update(self, findings: Iterable[Finding], now: float) -> list[AlertEvent]:
        return []

    def active(self) -> list[str]:
        return []

    def save(self) -> None:
        return None
