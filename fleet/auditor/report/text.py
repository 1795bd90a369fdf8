"""The report for a terminal: grouped, worst first; a thousand like findings are one line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from fleet.auditor.report.groups import groups
from fleet.auditor.report.leak_budget import sentence
from fleet.auditor.report.operations import sentences
from fleet.auditor.report.reading import UNSEEN, sure
from fleet.auditor.report.report import AuditReport, Outcome
from fleet.auditor.rules.catalogue import rule_named

_SHOWN: Final = 200
"""Groups of findings shown; the JSON report has every one."""


def render(report: AuditReport) -> str:
    return "\n".join(_lines(report)) + "\n"


def _lines(report: AuditReport) -> Iterator[str]:
    period = f"{report.since} to {report.until}" if report.since else "no times"
    yield f"{report.messages} messages, {period}"
    for number, (first, same) in enumerate(groups(report.findings), 1):
        if number > _SHOWN:
            yield "… more, in the JSON report"
            break
        many = f" x{len(same)}, first" if len(same) > 1 else ""
        where = f" at {first.field}" if first.field else ""
        what = f" {first.length} characters" if first.length else ""
        digest = f" {first.digest}" if first.digest else ""
        yield (
            f"#{number:<3} {first.severity.value:<8} {first.rule.id}{many} line {first.line}"
            f" {first.topic}{where}{what}{digest} ({first.rule.clause.value})"
        )
    for rule, count in sorted(report.omitted.items()):
        yield f"{rule_named(rule).severity.value:<8} {rule} x{count} more, not listed"
    for gap in report.gaps:
        told = gap.as_dict()
        span = f" {told['since'] or '?'} to {told['until'] or '?'}" if told["since"] else ""
        line = f" line {gap.line}" if gap.line else ""
        yield f"gap      {gap.kind.value}{line}{span}: {gap.kind.meaning}"
    if report.suppressed:
        yield f"{len(report.suppressed)} findings are suppressed"
    for expired in report.expired:
        yield f"expired  the suppression of {expired.rule} by {expired.owner}: renew or remove it"
    if report.trend is not None:
        yield (
            f"since {report.trend.before}: {report.trend.messages:+d} messages,"
            f" {report.trend.findings:+d} findings"
        )
    for line in sentences(report.operations):
        yield f"done     {line}"
    if report.findings:
        yield f"how sure: {sure(report.findings)}"
    yield f"not seen: {'; '.join(UNSEEN)}"
    if report.leak_budget:
        yield f"leak budget: {sentence(dict(report.leak_budget))}"
        for assumption in report.leak_budget["assumptions"]:
            yield f"  assumed: {assumption}"
    yield f"{report.outcome.value}: {report.outcome.meaning}"
    if report.outcome is Outcome.VIOLATION:
        worst = groups(report.violations)[:1]
        words = [word for first, _ in worst for word in (first.rule.id, first.field) if word]
        yield f"Try: fleet audit explain {shlex.join(words or [min(report.omitted)])}"
