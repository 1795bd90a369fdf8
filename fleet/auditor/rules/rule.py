"""A rule: what it forbids, how bad a breach is, and which clause says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import Severity, Word


class RuleGroup(Word):
    """What a rule is about; the part of its id before the dot."""

    CONTRACT = "contract", "the message is not one of the bus contract"
    TRAFFIC = "traffic", "who published what, how often, and whether it was kept"
    RETAINED = "retained", "state that the broker keeps for those who connect later"
    PII = "pii", "personal data of anybody"
    SECRET = "secret", "credentials, whole or in part"
    TEXT = "text", "prose, transcripts and references to a client's records"
    WORK = "work", "tasks: who tells of which, under which claim"
    SCOPE = "scope", "a use of the bus that earlier weeks did not have"


class Clause(Word):
    """The clause that is broken, of ADR-0005 or of its amendments; the value is its heading's
    anchor."""

    PERSONAL_DATA = "ADR-0005#personal-data", "nothing about a person"
    SECRETS = "ADR-0005#secrets", "no credential"
    FREE_TEXT = "ADR-0005#free-text", "no prose"
    LATERAL = "ADR-0005#lateral", "the hub is at one end of every message"
    RETAINED_COMMANDS = "ADR-0005#retained-commands", "commands are never retained"
    CLOSED_VOCABULARY = "ADR-0005#closed-vocabulary", "no word beyond the tables"
    SCOPE = "ADR-0005#scope", "no new purpose by use of what is there"
    SIZE_AND_FORM = "ADR-0005#size-and-form", "one small JSON object"
    RATES = "ADR-0005#rates", "no more than operations need"
    IDENTITY = "ADR-0005#identity", "nobody publishes in another's name"
    WORK = "ADR-0022#decision", "ids, epochs and states, of what was claimed"
    TOPICS = "ADR-0005#topics", "retained state belongs to enrolled agents"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        finds: one sentence: what a finding of this rule means.
        remedy: what an operator does about it.
    """

    id: str
    severity: Severity
    clause: Clause
    finds: str
    remedy: str

    @property
    def group(self) -> RuleGroup:
        return RuleGroup(self.id.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule met something: where in the text it stands, never what it says.

    `start` and `end` are code points of the text in which it was found; both 0 for the whole.
    `severity` is given where what was met is less sure than the rule's own.
    """

    rule: Rule
    start: int = 0
    end: int = 0
    severity: Severity | None = None

    @property
    def length(self) -> int:
        return self.end - self.start


AT_THE_SOURCE: Final = "stop it at the agent, and treat what was published as disclosed"
