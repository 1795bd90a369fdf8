"""Spans of time as people type them: `90s`, `15m`, `6h`, `2d`."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw]?)")


def seconds_of(text: str) -> float | None:
    """Its seconds, where no unit is seconds; None: it is no span."""
    match = _SPAN.fullmatch(text.strip())
    return None if match is None else float(match[1]) * _UNITS[match[2] or "s"]
