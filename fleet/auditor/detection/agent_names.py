"""What the name of an agent leaks: the one name that an operator may have chosen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from fleet.auditor.detection.scanner import Leak, scan_name
from fleet.contract.vocabulary import Severity


def leaks_of(agent: str, allowed: Collection[str], enrolled: Collection[str]) -> tuple[Leak, ...]:
    """What `agent` leaks. Somebody chose the names of those enrolled: doubts are only clues."""
    if not agent or agent in allowed:
        return ()
    return tuple(
        replace(leak, severity=Severity.INFO) if leak.severity and agent in enrolled else leak
        for leak in scan_name(agent, "topic")
    )
