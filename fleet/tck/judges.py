"""What can be told from the transcript alone: pure functions over what was heard."""

from __future__ import annotations

from collections import Counter

from fleet.auditor.rules.finding import Finding as AuditFinding
from fleet.auditor.rules.rule import RuleGroup
from fleet.contract.timestamps import epoch
from fleet.contract.topics import FROM_AGENT
from fleet.contract.vocabulary import MessageKind
from fleet.domain.clock_skew import SKEW_FIRES
from fleet.tck.heard import Heard
from fleet.tck.report import Report
from fleet.tck.rules import BY_ID
from fleet.tck.transcript import Transcript

CONTENT = (RuleGroup.PII, RuleGroup.SECRET, RuleGroup.TEXT)
"""Groups of the audit's rules that find content; the others are judged here by name."""


def judge_form(report: Report, heard: Transcript) -> None:
    """Everything that every publisher must keep to."""
    for kind in FROM_AGENT:
        messages = [item for item in heard if item.kind is kind]
        if messages:
            faults = Counter(item.fault for item in messages if item.fault)
            told = ", ".join(f"{count} times {fault}" for fault, count in faults.items())
            report.add(f"{kind}.valid", not faults, told or f"{len(messages)} valid")
        elif kind is not MessageKind.HEARTBEAT:
            for rule in (f"{kind}.valid", f"{kind}.retained", f"{kind}.epoch"):
                if rule in BY_ID:
                    report.not_applicable(rule, f"it published no {kind}")
    foreign = sum(item.kind is None for item in heard)
    said = list(heard.said())
    if not said:
        return
    report.add("publish.topics", not foreign, f"{foreign} on other topics")
    weak = sum(item.qos == 0 for item in said)
    report.add("publish.qos", not weak, f"{weak} of {len(said)} at QoS 0")
    beside = Counter(name for item in heard for name in item.properties)
    report.add("publish.form", not beside, ", ".join(beside) or f"none in {len(said)} messages")
    _judge_dates(report, said)


def judge_content(report: Report, findings: list[AuditFinding], messages: int) -> None:
    """What the auditor found, by rule and field, never by value."""
    found = Counter(
        f"{finding.rule.id} at {finding.field}"
        for finding in findings
        if finding.rule.group in CONTENT
    )
    if messages:
        told = ", ".join(f"{count} times {what}" for what, count in found.items())
        report.add("publish.content", not found, told or f"none in {messages} messages")


def _judge_dates(report: Report, said: list[Heard]) -> None:
    beats = [item for item in said if item.kind is MessageKind.HEARTBEAT and item.message]
    if beats:
        off = max(abs(item.at - epoch(item.message.ts)) for item in beats)  # type: ignore[union-attr]
        report.add("heartbeat.dated", off <= SKEW_FIRES, f"{off:.1f} s off at most")
