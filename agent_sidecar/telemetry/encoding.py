"""Messages of the sidecar as dicts and bytes, and the fence every one of them passes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from agent_sidecar.probes.base import AlertEvent
from fleet.contract.limits import MAX_ALERTS, MAX_METRICS
from fleet.contract.patterns import METRIC
from fleet.contract.timestamps import timestamp

Message = dict[str, Any]

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

_ABSENT: Final[tuple[object, ...]] = (None, {}, [], ())


def encode(message: Mapping[str, Any]) -> bytes:
    """UTF-8 JSON without blanks, as it travels."""
    return _ENCODER.encode(message).encode()


def present(**fields: object) -> Message:
    """The fields that have a value; what is unknown is absent, never invented."""
    return {name: value for name, value in fields.items() if value not in _ABSENT}


def alert(event: AlertEvent) -> Message:
    return present(
        code=event.code,
        severity=event.severity.value,
        state=event.state.value,
        ts=timestamp(event.at),
        id=event.id,
        value=number(event.value),
        threshold=number(event.threshold),
    )


def metrics(*sources: Mapping[str, float]) -> dict[str, float]:
    """Up to 32 valid metrics; earlier sources win, also for room."""
    import re

    merged: dict[str, float] = {}
    for source in sources:
        for name, value in source.items():
            valid = number(value)
            if valid is None or name in merged or not re.fullmatch(METRIC, name):
                continue
            if len(merged) < MAX_METRICS:
                merged[name] = valid
    return merged


def codes(active: list[str]) -> list[str]:
    return active[:MAX_ALERTS]


def number(value: float | None) -> float | None:
    """`value` as it may travel: finite, and a whole number without `.0`."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else round(value, 6)
