"""work.*: what agents say of tasks, held against what they were offered and what others said."""

from __future__ import annotations

from typing import Final

from fleet.auditor.rules.rule import Clause, Rule
from fleet.contract.vocabulary import Severity

TWO_HOLDERS: Final = Rule(
    "work.two-holders",
    Severity.CRITICAL,
    Clause.WORK,
    "two agents tell of one task under one epoch: only one can hold it",
    "`fleet agent rotate` the one that does not hold the task; the hub took nothing from it",
)
OLD_EPOCH: Final = Rule(
    "work.old-epoch",
    Severity.WARNING,
    Clause.WORK,
    "a task goes on under an older epoch, more than a lease after a newer one was seen",
    "a worker that lost its task goes on: look at that agent's host, and at its clock",
)
UNOFFERED: Final = Rule(
    "work.unoffered",
    Severity.INFO,
    Clause.WORK,
    "an agent tells of a task that the bus did not offer it",
    "nothing, if the hub knows the claim; else ask what the agent says by it",
)
DIGEST: Final = Rule(
    "work.digest",
    Severity.CRITICAL,
    Clause.WORK,
    "the digest of content on a task or its progress: content is named to its group alone",
    "`fleet validate` says what the publisher should have sent",
)

RULES: Final = (TWO_HOLDERS, OLD_EPOCH, UNOFFERED, DIGEST)
