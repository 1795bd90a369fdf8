"""retained.*: what the broker keeps for those who connect later."""

from __future__ import annotations

from typing import Final

from fleet.auditor.rules.rule import Clause, Rule
from fleet.contract.vocabulary import Severity

GHOST: Final = Rule(
    "retained.ghost",
    Severity.WARNING,
    Clause.TOPICS,
    "retained state of an agent that is not enrolled",
    "enrol the agent, or clear its topics (`fleet agent forget` does)",
)
CLEARED: Final = Rule(
    "retained.cleared",
    Severity.WARNING,
    Clause.TOPICS,
    "the retained state of an enrolled agent was erased by an empty message",
    "find who published it in the broker's log; the agent's next beat restores it",
)

RULES: Final = (GHOST, CLEARED)
