"""scope.*: shapes that earlier weeks did not have, which is how a narrow bus grows wide."""

from __future__ import annotations

from typing import Final

from fleet.auditor.rules.rule import Clause, Rule
from fleet.contract.vocabulary import Severity

NEW_AGENT: Final = Rule(
    "scope.new-agent",
    Severity.INFO,
    Clause.SCOPE,
    "an agent that earlier reports did not see",
    "nothing, if it was meant; else `fleet agent revoke`",
)
NEW_SHAPE: Final = Rule(
    "scope.new-shape",
    Severity.INFO,
    Clause.SCOPE,
    "fields or metrics that this agent did not publish in earlier reports",
    "ask what the new fields are for; a new purpose needs an ADR",
)

RULES: Final = (NEW_AGENT, NEW_SHAPE)
