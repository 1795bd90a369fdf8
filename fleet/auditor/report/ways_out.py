"""What would make a finding go away: mend it, allow the name, or suppress it until a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from fleet.auditor.rules.finding import Finding
from fleet.auditor.rules.rule import Rule, RuleGroup

_DETECTORS: Final = (RuleGroup.PII, RuleGroup.SECRET, RuleGroup.TEXT)
_WEEKS: Final = timedelta(weeks=8)
"""How long the suppression lasts that is proposed: long enough to mend, too short to forget."""

_NAMES: Final = ("topic", "metrics", "versions")
"""Fields that hold a name: what `allow` is for."""

_BOUNDS: Final = {
    "traffic.interval": ("traffic", "shortest_interval = 60"),
    "traffic.vocabulary": ("traffic", "new_metrics_a_day = 64"),
    "traffic.churn": ("traffic", "versions_a_day = 24        # or configs_a_day, sessions_a_day"),
}
"""Rules about a bound that fleet.toml sets: the table, and a line of it."""


def ways_out(rule: Rule, finding: Finding | None = None, field: str = "") -> Iterator[str]:
    """One way a line; TOML stands in lines of its own.

    With a finding, or a `field`, the lines are for that one.
    """
    field = finding.field if finding else field
    agent = _agent_of(finding)
    yield f"Mend: {_mend(rule, field)}"
    if rule.group in _DETECTORS and (not field or field.startswith(_NAMES)):
        yield "Allow: if the name says nothing about anybody, in fleet.toml:"
        yield "    [audit]"
        yield '    allow = ["swift-builder"]'
        yield "  with the name as it stands in the capture: no report shows it."
    if rule.id in _BOUNDS:
        table, line = _BOUNDS[rule.id]
        yield "Allow: if it is meant, in fleet.toml:"
        yield f"    [{table}]"
        yield f"    {line}"
    yield "Suppress: if it must stay, in audit.toml of the home; after that day it is back:"
    yield "    [[suppress]]"
    yield f'    rule = "{rule.id}"'
    if agent:
        yield f'    agent = "{agent}"'
    elif finding is None:
        yield '    agent = "AGENT"'
    if field:
        yield f'    field = "{field}"'
    if finding is not None and finding.digest:
        yield f'    digest = "{finding.digest}"          # this one value, and no other'
    yield '    reason = "why"'
    yield '    owner = "who"'
    yield f"    until = {date.today() + _WEEKS}"  # noqa: DTZ011


def _mend(rule: Rule, field: str) -> str:
    if rule.group not in _DETECTORS:
        return f"{rule.remedy}; the finding ends with the last such message."
    if field == "topic":
        return "rename the agent (`fleet agent rename`)."
    if field.startswith("metrics"):
        return "rename the metric where it is made, or send it no more."
    if field.startswith("versions"):
        return "have the version say a release alone."
    if field:
        return f"remove the field {field} where it is made; the contract has no place for it."
    return "rename the agent or metric, or what the version says; remove any other field."


def _agent_of(finding: Finding | None) -> str:
    """The agent as its topic shows it; empty where it is withheld."""
    levels = finding.topic.split("/") if finding else []
    return levels[-2] if len(levels) > 2 and levels[-2] != "*" else ""
