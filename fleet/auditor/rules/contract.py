"""contract.*: what the closed contract rejects."""

from __future__ import annotations

from typing import Final

from fleet.auditor.rules.rule import Clause, Rule
from fleet.contract.vocabulary import Reason, Severity

EVERYTHING: Final = ""
"""The field of a finding about a message as a whole."""

_MEND: Final = "`fleet validate` says what the publisher should have sent"

UNKNOWN_TOPIC: Final = Rule(
    "contract.unknown-topic",
    Severity.CRITICAL,
    Clause.CLOSED_VOCABULARY,
    "a message on a topic that the contract does not have",
    "find the publisher in the broker's log; its ACL is too wide",
)
UNKNOWN_FIELD: Final = Rule(
    "contract.unknown-field",
    Severity.CRITICAL,
    Clause.CLOSED_VOCABULARY,
    "a field that the contract does not have",
    _MEND,
)
UNKNOWN_WORD: Final = Rule(
    "contract.unknown-word",
    Severity.CRITICAL,
    Clause.CLOSED_VOCABULARY,
    "a word outside the closed vocabulary",
    f"{_MEND}; a word that is needed is added by an ADR",
)
SIZE: Final = Rule(
    "contract.size",
    Severity.CRITICAL,
    Clause.SIZE_AND_FORM,
    "a message or a list larger than the contract allows",
    _MEND,
)
MALFORMED: Final = Rule(
    "contract.malformed",
    Severity.CRITICAL,
    Clause.SIZE_AND_FORM,
    "not the JSON object that is due here: form, type, format or range",
    _MEND,
)

PROPERTIES: Final = Rule(
    "contract.properties",
    Severity.CRITICAL,
    Clause.SIZE_AND_FORM,
    "MQTT properties beside the payload, which carry any text: user properties and their like",
    "find the publisher in the broker's log and take its credential away; no sidecar sends any",
)
WHITESPACE: Final = Rule(
    "contract.whitespace",
    Severity.WARNING,
    Clause.SIZE_AND_FORM,
    "blanks between the words of the JSON: they can be counted, so they can say something",
    "publish without them, as sidecar and `bus-publish` do: `json.dumps(…, separators=(',', ':'))`",
)

RULES: Final = (
    UNKNOWN_TOPIC,
    UNKNOWN_FIELD,
    UNKNOWN_WORD,
    SIZE,
    MALFORMED,
    PROPERTIES,
    WHITESPACE,
)

_BY_REASON: Final = {
    Reason.UNKNOWN_TOPIC: UNKNOWN_TOPIC,
    Reason.UNKNOWN_FIELD: UNKNOWN_FIELD,
    Reason.UNKNOWN_WORD: UNKNOWN_WORD,
    Reason.TOO_LARGE: SIZE,
    Reason.TOO_MANY: SIZE,
    Reason.PROPERTIES: PROPERTIES,
    Reason.BLANKS: WHITESPACE,
}


def rule_for(reason: Reason) -> Rule:
    """The rule that a rejection for `reason` breaks."""
    return _BY_REASON.get(reason, MALFORMED)


BLANKS: Final = b" \t\r\n"
"""What JSON allows between its words; the canonical form has none."""


def blanks(payload: bytes) -> int:
    """How many there are; no string of the contract holds one."""
    return len(payload) - len(payload.translate(None, BLANKS))
