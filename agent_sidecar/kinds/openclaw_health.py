"""What OpenClaw's three health endpoints say, reduced to our words: keys and types are checked, for
unknown paths of its port answer 200 with HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from agent_sidecar.probes.channels import Channels
from agent_sidecar.probes.endpoint import HealthReading, ask, parse
from fleet.contract.patterns import VERSION
from fleet.contract.vocabulary import Check

NO_CHANNELS: Final = frozenset(
    {"startup-sidecars", "gateway-draining", "plugin-reload", "state-database", "internal"}
)
"""Words that stand in `failing` of `/readyz` and are no channel."""


def running(url: Callable[[], str], timeout: float) -> Callable[[], str | None]:
    """The version that answers."""

    def read() -> str | None:
        reading = startup(ask(*parse(url()), timeout) or {})
        return reading.version if reading else None

    return read


def live(document: Mapping[str, Any]) -> HealthReading | None:
    if not isinstance(document.get("ok"), bool) or document.get("status") != "live":
        return None
    return HealthReading(Check.PASS if document["ok"] else Check.FAIL)


def ready(document: Mapping[str, Any]) -> HealthReading | None:
    """A degraded event loop is slow, and slow is not dead."""
    if not isinstance(document.get("ready"), bool):
        return None
    loop = document.get("eventLoop")
    slow = isinstance(loop, dict) and loop.get("degraded") is True
    good = document["ready"] and not slow
    return HealthReading(Check.PASS if good else Check.WARN, _seconds(document))


def channels(document: Mapping[str, Any] | None) -> Channels | None:
    """`/readyz` lists the ids of channels that are refused, and answers 503 meanwhile."""
    if document is None or not isinstance(document.get("ready"), bool):
        return None
    failing = document.get("failing")
    if not isinstance(failing, list) or any(_of_the_gateway(one) for one in failing):
        return None  # while it starts, drains or lacks a database it says nothing of channels
    return Channels(len(failing))


def _of_the_gateway(reason: object) -> bool:
    if not isinstance(reason, str):
        return False
    return reason in NO_CHANNELS or reason.startswith("agent-database:")


def startup(document: Mapping[str, Any]) -> HealthReading | None:
    if not isinstance(document.get("ok"), bool):
        return None
    version = document.get("version")
    shaped = isinstance(version, str) and re.fullmatch(VERSION, version)
    check = Check.PASS if document["ok"] else Check.FAIL
    return HealthReading(check, _seconds(document), version if shaped else None)


def _seconds(document: Mapping[str, Any]) -> float | None:
    uptime = document.get("uptimeMs")
    return uptime / 1000 if isinstance(uptime, int | float) and uptime >= 0 else None
