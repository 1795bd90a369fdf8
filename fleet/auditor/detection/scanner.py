"""Everything one suspicious message leaks, by field: the slow and thorough way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fleet.auditor.detection import identifiers, numeric_bounds, written_names
from fleet.auditor.detection.decoding import decodings
from fleet.auditor.rules import pii, secret, text
from fleet.auditor.rules.rule import Hit, Rule
from fleet.auditor.rules.wordlists import FIELD_NOUNS, OPERATIONS
from fleet.contract.messages import shapes
from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import (
    AlertCode,
    AlertState,
    Check,
    HubAlertCode,
    Kind,
    Notice,
    Plane,
    Priority,
    ReplyCode,
    Result,
    Severity,
    State,
    Verb,
)
from fleet.contract.work_vocabulary import TaskReason, TaskState

WORDS: Final = frozenset(
    str(word)
    for vocabulary in (
        AlertCode, AlertState, Check, HubAlertCode, Kind, Notice, Plane, Priority, ReplyCode,
        Result, Severity, State, TaskReason, TaskState, Verb,
    )
    for word in vocabulary
)  # fmt: skip
FIELDS: Final = frozenset(field for shape in shapes() for field in shape.model_fields)
_MAX_LEAVES: Final = 2_000
"""Values of one message that are looked at: a whole 4 KiB message has about a thousand."""

_ORDER: Final = (
    secret.PRIVATE_KEY, secret.JWT, secret.CONNECTION_STRING, secret.PROVIDER_KEY, pii.EMAIL,
    pii.IBAN, pii.CARD, pii.BIRTH_DATE, pii.ADDRESS, secret.CREDENTIAL, pii.PHONE, pii.NATIONAL_ID,
    pii.NAME, text.RECORD, text.VAULT, text.LOCATION, text.LOG, pii.HEALTH, pii.FINANCE,
    secret.HIGH_ENTROPY, text.TRANSCRIPT, text.FREE_TEXT,
)  # fmt: skip
RANK: Final = {rule: place for place, rule in enumerate(_ORDER)}
GUESSES: Final = RANK[secret.HIGH_ENTROPY]
"""From this rank on a rule only guesses from the looks of a text."""

WHOLE: Final = frozenset((text.TRANSCRIPT, text.FREE_TEXT))
"""Rules about a text as a whole; they stand beside what was found in a part of it."""


NUMBERED: Final = (pii.PHONE, pii.NATIONAL_ID, pii.BIRTH_DATE, pii.CARD, pii.IBAN)
"""What a number can be."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A hit with the field it is in and the exact text that matched (kept in memory only)."""

    rule: Rule
    field: str
    matched: str
    severity: Severity | None = None
    """Where it is less sure than the rule's own."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value or key of a payload with its path; `key` is the name it stands under."""

    path: str
    key: str
    value: Any
    is_key: bool = False


def scan_text(value: str, field: str) -> list[Leak]:
    """Leaks in free text: every reading of it is searched, and the one that says most is told.

    What looks random may be an encoding, so a guess gives way to what the encoding hides.
    """
    best: list[Leak] = []
    rank = len(_ORDER)
    for decoding in decodings(value):
        hits = _strongest(_search(decoding))
        if hits and RANK[hits[0].rule] < rank:
            rank = RANK[hits[0].rule]
            best = [
                Leak(hit.rule, field, decoding[hit.start : hit.end], hit.severity) for hit in hits
            ]
        if rank < GUESSES:
            break
    return best


def scan_name(value: str, field: str) -> list[Leak]:
    """Leaks spelled in a name, version or id."""
    return [
        Leak(hit.rule, field, value[hit.start : hit.end], hit.severity)
        for hit in identifiers.find(value)
    ]


def scan_number(value: float, field: str, hint: Rule | None, limit: float) -> list[Leak]:
    """What a bare number leaks."""
    if isinstance(value, bool) or (abs(value) <= limit and hint is None):
        return []
    rule = numeric_bounds.leaked(value)
    if rule is None and hint in NUMBERED and abs(value) >= 10_000_000:
        rule = hint
    if rule is not None and hint in NUMBERED:
        rule = hint  # the digits fit several plans; the name says which
    return [Leak(rule, field, str(value))] if rule else []


def _search(decoding: str) -> Iterator[Hit]:
    yield from secret.find(decoding)
    yield from pii.find(decoding)
    yield from written_names.find(decoding)
    yield from text.find(decoding)


def _strongest(hits: Iterable[Hit]) -> list[Hit]:
    """The hits that no stronger one overlaps, strongest first; whole-text rules stay."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (RANK[hit.rule], -hit.length, hit.start)):
        overlapped = any(
            hit.start < other.end and other.start < hit.end
            for other in kept
            if other.rule not in WHOLE
        )
        if hit.rule in WHOLE:
            overlapped = any(other.rule in WHOLE or other.length * 2 > hit.length for other in kept)
        if not overlapped:
            kept.append(hit)
    return kept


def leaves(value: object, path: str = "", key: str = "", depth: int = 0) -> Iterator[Leaf]:
    """Keys and values of a decoded payload, in order."""
    if depth > 20:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            inner = f"{path}.{shown(name)}" if path else shown(name)
            yield Leaf(inner, name, name, is_key=True)
            yield from leaves(item, inner, name, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path, key, depth + 1)
    else:
        yield Leaf(path, key, value)


def shown(name: str) -> str:
    """A key as it may stand in a path: the contract's own, or an ordinary noun; else `*`."""
    if name in FIELDS or name in WORDS:
        return name
    words = identifiers.cut(name)
    plain = words and "_".join(words) == name.lower().replace("-", "_")
    known = plain and all(word in FIELD_NOUNS or word in OPERATIONS for word in words)
    return name if known and len(name) <= 48 and name.isascii() else "*"


def with_key(rejected: Rejected) -> str:
    """The path of a rejection, with the sender's own key where it is an ordinary noun."""
    if rejected.field.endswith("*") and rejected.name:
        return rejected.field[:-1] + shown(rejected.name)
    return rejected.field
