"""What an examination found: one verdict a rule, and why some have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fleet.tck.finding import Finding, Verdict
from fleet.tck.rules import BY_ID, RULES, Need, Profile, Rule


@dataclass(slots=True)
class Report:
    """Verdicts as they come; whatever nobody judged is skipped, and says why.

    Args:
        at_hand: which needs are met.
        left_out: ids of rules that are not to be judged.
        tell: called with each finding as it is made.
    """

    agent: str
    profile: Profile
    at_hand: frozenset[Need] = frozenset()
    left_out: frozenset[str] = frozenset()
    tell: Callable[[Finding], None] = lambda _finding: None
    blocked: str = ""
    """Why the rules that nobody judged could not be; empty: nothing of the kind was seen."""

    _found: dict[str, Finding] = field(default_factory=dict)

    def wants(self, rule_id: str) -> bool:
        """Whether `rule_id` is to be judged and can be."""
        return self._missing(BY_ID[rule_id]) is None

    def add(self, rule_id: str, ok: bool, evidence: str = "") -> None:
        """Enter a verdict; the first one stands, unless a later one is a failure."""
        self._enter(rule_id, Verdict.PASS if ok else Verdict.FAIL, evidence)

    def skip(self, rule_id: str, why: str) -> None:
        self._enter(rule_id, Verdict.SKIPPED, why)

    def not_applicable(self, rule_id: str, why: str) -> None:
        self._enter(rule_id, Verdict.NOT_APPLICABLE, why)

    def _enter(self, rule_id: str, verdict: Verdict, evidence: str) -> None:
        known = self._found.get(rule_id)
        if not self.wants(rule_id) or (known and verdict is not Verdict.FAIL):
            return
        self._found[rule_id] = finding = Finding(BY_ID[rule_id], verdict, evidence)
        self.tell(finding)

    @property
    def findings(self) -> list[Finding]:
        """One a rule, in the table's order."""
        return [self._found.get(rule.id) or self._open(rule) for rule in RULES]

    @property
    def unjudged(self) -> list[Finding]:
        """Those of which nothing was told yet."""
        return [finding for finding in self.findings if finding.rule.id not in self._found]

    @property
    def tally(self) -> Counter[Verdict]:
        return Counter(finding.verdict for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0: conforms, 1: nothing failed and something could not be judged, 2: something failed."""
        tally = self.tally
        if tally[Verdict.FAIL]:
            return 2
        return 1 if tally[Verdict.SKIPPED] or not tally[Verdict.PASS] else 0

    def as_dict(self) -> dict[str, Any]:
        tally = self.tally
        return {
            "agent": self.agent,
            "profile": self.profile.value,
            "tally": {verdict.value: tally[verdict] for verdict in Verdict},
            "rules": [finding.as_dict() for finding in self.findings],
        }

    def _open(self, rule: Rule) -> Finding:
        return self._missing(rule) or Finding(
            rule, Verdict.SKIPPED, self.blocked or "nothing of the kind was seen"
        )

    def _missing(self, rule: Rule) -> Finding | None:
        """Why `rule` is not judged at all; None where it is."""
        if rule.profile.rank > self.profile.rank:
            return Finding(rule, Verdict.NOT_APPLICABLE, f"of the profile {rule.profile}")
        if rule.id in self.left_out:
            return Finding(rule, Verdict.SKIPPED, "left out by --skip")
        lacking = [need for need in rule.needs if need not in self.at_hand]
        if Need.KEY in lacking:
            why = "signing is off: this home has no key"
            return Finding(rule, Verdict.NOT_APPLICABLE, why)
        if lacking:
            return Finding(rule, Verdict.SKIPPED, f"needs {lacking[0]}")
        return None
