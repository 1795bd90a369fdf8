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
from fleet.contract.broker_capabilities import Lack, Need
from fleet.contract.tls_faults import REMEDIES, SIGNS, TlsFault
from fleet.contract.topics import STATES
from fleet.contract.vocabulary import AlertCode, AlertState, Check, Kind, Plane, Severity, State

SCRIPT = Path(__file__).parents[1] / "bus-publish"
WORDS, FAULTS = "words", "faults"
"""The two blocks: what every call needs, and what only one needs that did not get through."""

TIMESTAMP_ROOM = 64
"""Bytes of a payload that the one-liner fills in itself: `ts`, `uptime` and the braces."""


def quoted(text: str) -> str:
    """`text` as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def faults() -> str:
    """What is wrong with a broker, in the sentences that every door has."""
    named = {"Qos": Need.QOS_1, "Retained": Need.RETAINED, "Packet": Need.PACKET_SIZE}
    lines = []
    for name, need in named.items():
        lack = Lack(need)
        lines += [f"{name}Lack={quoted(lack.sentence)}", f"{name}Try={quoted(lack.remedy)}"]
    signs = "\n".join(f"{sign}|{fault}" for sign, fault in SIGNS)
    known = "\n".join(f"{fault}|{fault.meaning}|{REMEDIES[fault]}" for fault in TlsFault)
    lines += [f"TlsSigns={quoted(signs)}", f"TlsFaults={quoted(known)}"]
    return "".join(f"{line}\n" for line in lines)


def block() -> str:
    """The assignments that every call needs, one a line."""
    others = {name.removeprefix("FLEET_") for name in OTHERS}
    words: dict[str, Iterable[object]] = {
        "Messages": STATES,
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
    """`text` of the script with fresh blocks."""
    for name, fresh in ((WORDS, block()), (FAULTS, faults())):
        head, opening, rest = text.partition(f"# <{name}>")
        comment, newline, rest = rest.partition("\n")
        _, closing, tail = rest.partition(f"# </{name}>")
        text = head + opening + comment + newline + fresh + closing + tail
    return text


if __name__ == "__main__":
    SCRIPT.write_text(rewritten(SCRIPT.read_text()))
