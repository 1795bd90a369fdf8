"""Everything one suspicious message leaks, by field: the slow and thorough way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fleet.auditor.detection import identifiers, numeric_bounds
from fleet.auditor.detection.decoding import MAX_TEXT, decodings
from fleet.auditor.rules import pii, secret, text
from fleet.auditor.rules.rule import Hit, Rule, RuleGroup
from fleet.auditor.rules.wordlists import FIELD_NOUNS, OPERATIONS, word_set
from fleet.contract import patterns
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

WORDS: Final = frozenset(
    str(word)
    for vocabulary in (
        AlertCode, AlertState, Check, HubAlertCode, Kind, Notice, Plane, Priority, ReplyCode,
        Result, Severity, State, Verb,
    )
    for word in vocabulary
)  # fmt: skip
FIELDS: Final = word_set(
    """
        ok ts uptime interval boot seq checks alerts metrics state versions agent sidecar
        runtime kind config reply to verb result code took severity id value threshold ttl
        priority sig kid notice
        """
)
_MAX_LEAVES: Final = 2_000
"""Values of one message that are looked at: a whole 4 KiB message has about a thousand."""

_ORDER: Final = (
    secret.PRIVATE_KEY, secret.JWT, secret.CONNECTION_STRING, secret.PROVIDER_KEY, pii.EMAIL,
    pii.IBAN, pii.CARD, pii.BIRTH_DATE, pii.ADDRESS, secret.CREDENTIAL, pii.PHONE, pii.NATIONAL_ID,
    pii.NAME, text.RECORD, text.VAULT, text.LOCATION, text.LOG, pii.HEALTH, pii.FINANCE,
    secret.HIGH_ENTROPY, text.TRANSCRIPT, text.FREE_TEXT,
)  # fmt: skip
_RANK: Final = {rule: place for place, rule in enumerate(_ORDER)}
_GUESSES: Final = _RANK[secret.HIGH_ENTROPY]
"""From this rank on a rule only guesses from the looks of a text."""

_WHOLE: Final = frozenset((text.TRANSCRIPT, text.FREE_TEXT))
"""Rules about a text as a whole; they stand beside what was found in a part of it."""


_NUMBERED: Final = (pii.PHONE, pii.NATIONAL_ID, pii.BIRTH_DATE, pii.CARD, pii.IBAN)
"""What a number can be."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A hit with the field it is in and the exact text that matched (kept in memory only)."""

    rule: Rule
    field: str
    matched: str


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
        if hits and _RANK[hits[0].rule] < rank:
            rank = _RANK[hits[0].rule]
            best = [Leak(hit.rule, field, decoding[hit.start : hit.end]) for hit in hits]
        if rank < _GUESSES:
            break
    return best


def scan_name(value: str, field: str) -> list[Leak]:
    """Leaks spelled in a name, version or id."""
    return [Leak(hit.rule, field, value[hit.start : hit.end]) for hit in identifiers.find(value)]


def scan_number(value: float, field: str, hint: Rule | None, limit: float) -> list[Leak]:
    """What a bare number leaks."""
    if isinstance(value, bool) or (abs(value) <= limit and hint is None):
        return []
    rule = numeric_bounds.leaked(value)
    if rule is None and hint in _NUMBERED and abs(value) >= 10_000_000:
        rule = hint
    if rule is not None and hint in _NUMBERED:
        rule = hint  # the digits fit several plans; the name says which
    return [Leak(rule, field, str(value))] if rule else []


def _search(decoding: str) -> Iterator[Hit]:
    yield from secret.find(decoding)
    yield from pii.find(decoding)
    yield from text.find(decoding)


def _strongest(hits: Iterable[Hit]) -> list[Hit]:
    """The hits that no stronger one overlaps, strongest first; whole-text rules stay."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (_RANK[hit.rule], -hit.length, hit.start)):
        overlapped = any(
            hit.start < other.end and other.start < hit.end
            for other in kept
            if other.rule not in _WHOLE
        )
        if hit.rule in _WHOLE:
            overlapped = any(
                other.rule in _WHOLE or other.length * 2 > hit.length for other in kept
            )
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


def scan_payload(payload: str) -> list[Leak]:
    """Leaks in a payload that the contract rejected, or that was never seen before."""
    try:
        value: object = json.loads(payload[:MAX_TEXT])
    except (ValueError, RecursionError):
        return scan_text(payload, "")
    if not isinstance(value, dict | list):
        return scan_text(value if isinstance(value, str) else payload, "")
    found: list[Leak] = []
    pieces: list[tuple[str, str]] = []
    for number, leaf in enumerate(leaves(value)):
        if number >= _MAX_LEAVES:
            break
        found += _scan_leaf(leaf)
        if not leaf.is_key and isinstance(leaf.value, str | int) and leaf.key not in FIELDS:
            pieces.append((leaf.path, str(leaf.value)))
    if not any(leak.rule not in _WHOLE for leak in found):
        found += _scan_joined(pieces)
    return list(dict.fromkeys(found))


def _scan_joined(pieces: list[tuple[str, str]]) -> list[Leak]:
    """Leaks split over neighbouring fields."""
    if not 2 <= len(pieces) <= 64:
        return []
    for glue in ("", " ", "-", "@"):
        leaks = scan_text(glue.join(piece for _, piece in pieces), pieces[0][0])
        strong = [leak for leak in leaks if leak.rule not in _WHOLE]
        if strong:
            return strong
    return []


def _scan_leaf(leaf: Leaf) -> list[Leak]:
    if leaf.is_key:
        return [] if leaf.value in FIELDS or leaf.value in WORDS else _scan_key(leaf)
    hint = None if leaf.key in FIELDS else identifiers.hint_of(leaf.key)
    value = leaf.value
    if isinstance(value, str):
        return _scan_string(leaf, value, hint)
    if isinstance(value, int | float) and not isinstance(value, bool):
        limit = (
            numeric_bounds.FIELDS.get(leaf.key, 0.0)
            if leaf.key in FIELDS
            else numeric_bounds.FOREIGN
        )
        if leaf.path.startswith("metrics."):
            limit = numeric_bounds.metric_limit(leaf.key)
        if leaf.key == "boot" and numeric_bounds.BOOT_SINCE <= value <= numeric_bounds.BOOT_UNTIL:
            return []
        return scan_number(value, leaf.path, hint, limit)
    return []


def _scan_key(leaf: Leaf) -> list[Leak]:
    """A foreign key: a word of its own is a name, anything longer is text."""
    name = leaf.value
    if shown(name) == name:
        return []
    leaks = scan_text(name, leaf.path)
    if any(_RANK[leak.rule] < _GUESSES for leak in leaks):
        return leaks
    return scan_name(name, leaf.path) or leaks


def _scan_string(leaf: Leaf, value: str, hint: Rule | None) -> list[Leak]:
    if value in WORDS or patterns.TIMESTAMP_TEXT.fullmatch(value):
        return []
    leaks = scan_text(value, leaf.path)
    if not leaks and " " not in value:
        leaks = scan_name(value, leaf.path)
    strong = any(leak.rule not in _WHOLE for leak in leaks)
    if hint is not None and not strong and _fits(hint, value):
        leaks = [Leak(hint, leaf.path, value)]
    return leaks


def _fits(hint: Rule, value: str) -> bool:
    """Whether `value` can be what its field's name promises."""
    if value.lower() in OPERATIONS or len(value) < 3:
        return False
    if hint in _NUMBERED:
        return sum(c.isdigit() for c in value) >= 4
    if hint is pii.NAME:
        return value[:1].isupper() or " " in value
    return hint.group is RuleGroup.SECRET or hint is pii.ADDRESS
