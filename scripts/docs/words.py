"""Write the words of the contract into `scripts/bus-publish`: `python scripts/docs/words.py`.

The one-liner must judge without Python, so it carries the closed vocabularies as text; a test
compares that text with what this generates from the enums. The names are in mixed case: a setting
may name any variable of the environment in capitals.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agent_sidecar.settings import ALL, OTHERS
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
    others = {name.removeprefix("FLEET_") for name in OTHERS}
    words: dict[str, Iterable[object]] = {
        "Messages": FROM_AGENT,
        "Codes": AlertCode,
        "Severities": Severity,
        "AlertStates": AlertState,
        "States": State,
        "Kinds": Kind,
        "Planes": Plane,
        "Checks": Check,
        "Version": [__version__],
        "MaxUptime": [limits.MAX_UPTIME],
        "MinInterval": [limits.MIN_INTERVAL],
        "MaxInterval": [limits.MAX_INTERVAL],
        "MaxMetrics": [limits.MAX_METRICS],
        "MaxAlerts": [limits.MAX_ALERTS],
        "Room": [limits.MAX_PAYLOAD - TIMESTAMP_ROOM],
        "Settings": sorted({n.variable.removeprefix("FLEET_") for n in ALL} | others),
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
