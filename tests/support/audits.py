"""Audits for tests: one message in, rule ids out."""

from __future__ import annotations

import json
from typing import Any

from fleet.auditor.audit import Audit
from fleet.auditor.rules.digester import Digester
from fleet.auditor.rules.finding import Finding
from fleet.contract.reader import Reader
from fleet.contract.topics import Topics

TS = "2026-03-18T21:30:00Z"
NOON = 1_773_835_200.0


def an_audit(**options: Any) -> Audit:
    return Audit(Topics(), Reader(), Digester(b"test key"), **options)


def examine(
    audit: Audit, topic: str, payload: object, *, at: float = NOON, retain: bool = False
) -> None:
    """One message; a dict travels as JSON."""
    data = (
        payload
        if isinstance(payload, bytes)
        else json.dumps(payload, separators=(",", ":")).encode()
    )
    audit.examine(audit.tally.messages + 1, at, topic, data, retain)


def findings(topic: str, payload: object, *, retain: bool = False, **options: Any) -> list[Finding]:
    audit = an_audit(**options)
    examine(audit, topic, payload, retain=retain)
    return audit.findings


def rules(topic: str, payload: object, *, retain: bool = False, **options: Any) -> set[str]:
    return {finding.rule.id for finding in findings(topic, payload, retain=retain, **options)}


def beat(**fields: object) -> dict[str, object]:
    return {"ok": True, "ts": TS, **fields}


def beat_rules(**fields: object) -> set[str]:
    """The rules that a heartbeat of agent alpha with `fields` breaks."""
    return rules("fleet/alpha/heartbeat", beat(**fields))


def status_rules(**fields: object) -> set[str]:
    return rules("fleet/alpha/status", {"state": "running", "ts": TS, **fields})
