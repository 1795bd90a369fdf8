"""Write the words of the contract into `scripts/bus-publish`: `python scripts/docs/words.py`.

The one-liner must judge without Python, so it carries the closed vocabularies as text; a test
compares that text with what this generates from the enums.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fleet import __version__
from fleet.contract import limits
from fleet.contract.topics import FROM_AGENT
from fleet.contract.vocabulary import AlertCode, AlertState, Check, Kind, Plane, Severity, State

SCRIPT = Path(__file__).parents[1] / "bus-publish"
OPENING, CLOSING = "# <words>", "# </words>"
TIMESTAMP_ROOM = 64
"""Bytes of a payload that the one-liner fills in itself: `ts`, `uptime` and the braces."""


def block() -> str:
    """The assignments between the two marks, one a line."""
    words: dict[str, Iterable[object]] = {
        "MESSAGES": FROM_AGENT,
        "CODES": AlertCode,
        "SEVERITIES": Severity,
        "ALERT_STATES": AlertState,
        "STATES": State,
        "KINDS": Kind,
        "PLANES": Plane,
        "CHECKS": Check,
        "VERSION": [__version__],
        "MAX_UPTIME": [limits.MAX_UPTIME],
        "MIN_INTERVAL": [limits.MIN_INTERVAL],
        "MAX_INTERVAL": [limits.MAX_INTERVAL],
        "MAX_METRICS": [limits.MAX_METRICS],
        "MAX_ALERTS": [limits.MAX_ALERTS],
        "ROOM": [limits.MAX_PAYLOAD - TIMESTAMP_ROOM],
    }
    return "".join(f"{name}='{' '.join(map(str, values))}'\n" for name, values in words.items())


def rewritten(text: str) -> str:
    """`text` of the script with a fresh block."""
    head, opening, rest = text.partition(OPENING)
    comment, newline, rest = rest.partition("\n")
    _, closing, tail = rest.partition(CLOSING)
    return head + opening + comment + newline + block() + closing + tail


if __name__ == "__main__":
    SCRIPT.write_text(rewritten(SCRIPT.read_text()))
