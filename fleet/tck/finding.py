"""The verdict on one rule, with evidence that holds no content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fleet.contract.vocabulary import Word
from fleet.tck.rules import Rule


class Verdict(Word):
    """How a rule ended."""

    PASS = "pass", "the agent does as the rule asks"
    FAIL = "fail", "it does not"
    SKIPPED = "skipped", "it could not be judged here"
    NOT_APPLICABLE = "not-applicable", "the rule asks nothing of this agent"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one rule. `evidence` counts and names words of the contract; of a payload
    it holds nothing."""

    rule: Rule
    verdict: Verdict
    evidence: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule.id,
            "title": self.rule.title,
            "clause": self.rule.clause,
            "profile": self.rule.profile.value,
            "verdict": self.verdict.value,
            "evidence": self.evidence,
        }
