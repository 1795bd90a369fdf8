"""Alerts: what the signs of the probes come to, with hysteresis, across restarts.

A code fires after so many looks in a row that say so, and resolves after so many that do not:
one slow answer is no incident, and one good one no recovery.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_sidecar.files import replace_text
from agent_sidecar.probes.base import AlertEvent, Finding, Sign
from fleet.contract.stamps import ulid
from fleet.contract.words import AlertCode, AlertState, Severity

FIRE_AFTER: Final = 2
CLEAR_AFTER: Final = 2
"""Looks in a row. Two, so that a single look never decides."""

AT_ONCE: Final = frozenset(
    {
        AlertCode.PROCESS_DOWN.value,
        AlertCode.CONFIG_INVALID.value,
        AlertCode.AUTH_FAILURE.value,
        AlertCode.RESTART_LOOP.value,
    }
)
"""Codes whose one look is a fact and no measurement."""

MARGIN: Final = 0.03
"""Share of a threshold that a value must fall below it before its alert ends."""


@dataclass(slots=True)
class _Condition:
    """One code: what is published of it, and how many looks in a row contradict that."""

    firing: bool = False
    severity: Severity = Severity.WARNING
    id: str = ""
    against: int = 0


class AlarmBoard:
    """Holds what is firing, across restarts, in one small file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._conditions: dict[str, _Condition] = {}
        for code, (severity, alert_id) in _load(path).items():
            self._conditions[code] = _Condition(True, severity, alert_id)

    def update(self, findings: Iterable[Finding], now: float) -> list[AlertEvent]:
        """Events of the codes that start or end with these findings, in order of code."""
        signs: dict[str, Sign] = {}
        for finding in findings:
            for sign in finding.signs:
                if sign.firing is None:
                    continue
                known = signs.get(sign.code)
                # Two probes may speak of one code: whoever says that it fires is believed.
                if known is None or (sign.firing and not known.firing):
                    signs[sign.code] = sign
        events = (self._weigh(code, signs[code], now) for code in sorted(signs))
        return [event for event in events if event]

    def active(self) -> list[str]:
        """Codes firing now, sorted."""
        return sorted(code for code, condition in self._conditions.items() if condition.firing)

    def save(self) -> None:
        """Persist what is firing, atomically; a full disk raises `OSError` and is retried."""
        firing = {
            code: [condition.severity.value, condition.id]
            for code, condition in self._conditions.items()
            if condition.firing
        }
        replace_text(self._path, json.dumps(firing))

    def _weigh(self, code: str, sign: Sign, now: float) -> AlertEvent | None:
        condition = self._conditions.setdefault(code, _Condition())
        firing = bool(sign.firing) or (condition.firing and _near(sign))
        if firing == condition.firing:
            condition.against = 0
            return None
        condition.against += 1
        needed = 1 if code in AT_ONCE else FIRE_AFTER if firing else CLEAR_AFTER
        if condition.against < needed:
            return None
        condition.firing, condition.against = firing, 0
        if firing:
            condition.severity, condition.id = sign.severity, ulid(time.time())
        state = AlertState.FIRING if firing else AlertState.RESOLVED
        severity = condition.severity
        return AlertEvent(code, severity, state, now, condition.id, sign.value, sign.threshold)


def _near(sign: Sign) -> bool:
    """Whether a value is still too close to the threshold it had crossed to call it over."""
    if sign.value is None or sign.threshold is None:
        return False
    return sign.value > sign.threshold * (1 - MARGIN)


def _load(path: Path) -> dict[str, tuple[Severity, str]]:
    """What was firing when the file was written; an unreadable file is as good as none."""
    try:
        stored = json.loads(path.read_bytes())
        return {
            code: (Severity(severity), alert_id) for code, (severity, alert_id) in stored.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
