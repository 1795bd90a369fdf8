"""A finding: where and what kind, with a keyed digest in place of the value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fleet.auditor.rules.rule import Rule
from fleet.contract.vocabulary import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one rule by one message.

    Attributes:
        line: of the capture, from 1; 0 for what no single line shows.
        topic: with `*` in place of what may itself be a leak.
        field: path of the contract's own names, `*` for a foreign one; `topic` for the topic.
        length: code points that matched; 0 where the message as a whole is meant.
        digest: HMAC of what matched: equal values are seen to be equal, and no more.
        agent: whose topic it is; empty where unknown or itself a leak.
        at: seconds since the epoch; None if the capture did not say.
    """

    line: int
    topic: str
    rule: Rule
    field: str
    length: int
    digest: str
    agent: str = ""
    at: float | None = None
    suppressed: str = ""
    doubt: Severity | None = None
    """The severity, where what was met is less sure than the rule's own."""

    @property
    def severity(self) -> Severity:
        return self.doubt or self.rule.severity

    def as_dict(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "topic": self.topic,
            "rule": self.rule.id,
            "clause": self.rule.clause.value,
            "severity": self.severity.value,
            "field": self.field,
            "length": self.length,
            "digest": self.digest,
        }
