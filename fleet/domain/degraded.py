"""When an agent that is not well wakes somebody although it raised no alert itself (ADR-0019).

A one-liner that says `ok=false`, a state `degraded`, a plane that fails and has no code: each
makes the verdict `degraded`, and for the verdict alone nobody is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fleet.contract.vocabulary import Check, HubAlertCode, Severity
from fleet.domain.agent_record import AgentRecord
from fleet.domain.reported_state import ReportedState
from fleet.domain.severities import UNSTATED, severity_of_plane
from fleet.domain.verdict import Verdict

AFTER: Final = 300.0
"""Seconds an agent may be unwell in silence: a start or a restart is over by then, and Prometheus
waits as long (`FleetAgentDegraded`)."""

_HERE: Final = (Verdict.DEGRADED, Verdict.LATE)
"""Whoever is gone has an alert of its presence, and what it said before says nothing of now."""


def after(tables: Mapping[str, Any]) -> float:
    """Seconds, as the tables of the settings have it."""
    seconds: float = tables.get("alerts", {}).get("degraded_after", AFTER)
    return seconds


def failing(reported: ReportedState) -> tuple[str, ...]:
    """The planes that fail, in the agent's order."""
    return tuple(plane for plane, check in reported.checks.items() if check is Check.FAIL)


def severity_of_degraded(reported: ReportedState) -> Severity:
    """As much as the worst plane that fails matters; of words alone nobody knows."""
    planes = map(severity_of_plane, failing(reported))
    return max(planes, key=lambda severity: severity.rank, default=UNSTATED)


def is_unspoken(reported: ReportedState, verdict: Verdict) -> bool:
    """Whether an agent is unwell, and no alert of its own says as much: an `info` about something
    else does not."""
    if reported.health is not Verdict.DEGRADED or verdict not in _HERE:
        return False
    rank = severity_of_degraded(reported).rank
    return all(reported.severity(code).rank < rank for code in reported.codes)


def note(record: AgentRecord, verdict: Verdict, now: float) -> None:
    """Keep in `record` since when it has been so."""
    if not is_unspoken(record.reported, verdict):
        if record.rare is not None and record.rare.unwell_at is not None:
            record.rare.unwell_at = None
            record.drop_empty_rare()
    elif record.rare is None or record.rare.unwell_at is None:
        record.ensure_rare().unwell_at = now


def is_due(record: AgentRecord, verdict: Verdict, now: float, after: float) -> bool:
    """Whether somebody is to be woken: unwell for `after` seconds, and heard in time when it
    begins; who is late meanwhile is not well again for that."""
    at = due_at(record, after)
    if at is None or not is_unspoken(record.reported, verdict):
        return False
    fires = HubAlertCode.AGENT_DEGRADED in record.hub_codes
    return fires or (verdict is Verdict.DEGRADED and at <= now)


def due_at(record: AgentRecord, after: float) -> float | None:
    """From when on it is due; None: nothing is."""
    rare = record.rare
    return None if rare is None or rare.unwell_at is None else rare.unwell_at + after
