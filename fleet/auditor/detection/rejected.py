"""What a payload leaks that the contract rejected, or that stood where no message may stand.

One field, one verdict: what of it the contract would take is judged as in any message, and only
what is foreign is searched the thorough way, and joined with other foreign fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from fleet.auditor.detection import identifiers, numeric_bounds
from fleet.auditor.detection.decoding import MAX_TEXT
from fleet.auditor.detection.fast_path import FastPath
from fleet.auditor.detection.scanner import (
    FIELDS,
    GUESSES,
    NUMBERED,
    RANK,
    WHOLE,
    WORDS,
    Leaf,
    Leak,
    leaves,
    scan_name,
    scan_number,
    scan_text,
    shown,
)
from fleet.auditor.detection.valid_part import decoded, kind_of, split
from fleet.auditor.rules import pii, secret
from fleet.auditor.rules.rule import Rule, RuleGroup
from fleet.auditor.rules.wordlists import OPERATIONS, word_set
from fleet.contract import patterns
from fleet.contract.reader import Reader
from fleet.contract.vocabulary import MessageKind

_MAX_LEAVES: Final = 2_000
"""Values of one message that are looked at: a whole 4 KiB message has about a thousand."""

_MAX_PIECES: Final = 64
"""Values that are tried together: what one message would be cut into."""

_UNMISTAKABLE: Final = frozenset(
    (secret.PRIVATE_KEY, secret.JWT, secret.CONNECTION_STRING, secret.PROVIDER_KEY, pii.IBAN)
)
"""What chance does not make of fields that have nothing to do with one another."""

_PIECE_NAMES: Final = word_set(
    """
        first last middle given family fore sur firstname lastname surname forename prefix suffix
        begin end start rest head tail left right part piece chunk segment one two three four
        name user host domain local mailbox area exchange line
        """
)
"""Names of fields that hold a part of something."""


class RejectedPayloads:
    """Looks through payloads that were rejected, with the verdicts of those that were not."""

    def __init__(self, reader: Reader, fast_path: FastPath) -> None:
        self._reader = reader
        self._fast_path = fast_path

    def leaks(self, payload: str, kind: MessageKind | None = None) -> list[Leak]:
        """What `payload` leaks; `kind` is the message that its topic promised, None for none."""
        try:
            value = decoded(payload[:MAX_TEXT])
        except (ValueError, RecursionError):
            return scan_text(payload, "")
        if isinstance(value, list):
            return list(dict.fromkeys(_foreign({"": value})))
        if not isinstance(value, dict):
            return scan_text(value if isinstance(value, str) else payload, "")
        found: list[Leak] = []
        kind = kind or kind_of(value)
        if kind is not None:
            messages, value = split(self._reader, kind, value)
            for message in messages:
                found += self._fast_path.leaks(message.kind_of_message, message) or ()
        found += _foreign(value)
        return list(dict.fromkeys(found))


def _foreign(value: dict[str, Any]) -> list[Leak]:
    found: list[Leak] = []
    pieces: list[Leaf] = []
    for number, leaf in enumerate(leaves(value)):
        if number >= _MAX_LEAVES:
            break
        found += _scan_leaf(leaf)
        whole = isinstance(leaf.value, str | int) and not isinstance(leaf.value, bool)
        if not leaf.is_key and whole:
            pieces.append(leaf)
    if not any(leak.rule not in WHOLE for leak in found):
        found += _scan_joined(pieces)
    return found


def _scan_joined(pieces: list[Leaf]) -> list[Leak]:
    """Leaks split over neighbouring foreign fields.

    Fields that are no parts of one thing make a card number or a name by chance; they are
    joined only to find what chance does not make.
    """
    if not 2 <= len(pieces) <= _MAX_PIECES:
        return []
    for group in _alike(pieces):
        for glue in ("", " ", "-", "@"):
            leaks = _joined(group, glue)
            if leaks:
                return leaks
    return [leak for leak in _joined(pieces, "") if leak.rule in _UNMISTAKABLE]


def _joined(pieces: list[Leaf], glue: str) -> list[Leak]:
    """What several pieces say together, and none of them alone."""
    values = [str(piece.value) for piece in pieces]
    return [
        leak
        for leak in scan_text(glue.join(values), pieces[0].path)
        if leak.rule not in WHOLE and not any(leak.matched in value for value in values)
    ]


def _alike(pieces: Iterable[Leaf]) -> Iterator[list[Leaf]]:
    """Groups of pieces whose names say that they belong together: numbered, listed, lettered."""
    groups: dict[str, list[Leaf]] = {}
    for piece in pieces:
        stem = re.sub(r"[-_]?\d{1,3}$|[-_][a-z]$", "", piece.key.lower())
        is_piece = len(piece.key) == 1 or not _PIECE_NAMES.isdisjoint(identifiers.cut(piece.key))
        groups.setdefault("" if is_piece else stem, []).append(piece)
    return (group for group in groups.values() if len(group) > 1)


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
    if any(RANK[leak.rule] < GUESSES for leak in leaks):
        return leaks
    return scan_name(name, leaf.path) or leaks


def _scan_string(leaf: Leaf, value: str, hint: Rule | None) -> list[Leak]:
    if value in WORDS or patterns.TIMESTAMP_TEXT.fullmatch(value):
        return []
    leaks = scan_text(value, leaf.path)
    if not leaks and " " not in value:
        leaks = scan_name(value, leaf.path)
    strong = any(leak.rule not in WHOLE for leak in leaks)
    if hint is not None and not strong and _fits(hint, value):
        leaks = [Leak(hint, leaf.path, value)]
    return leaks


def _fits(hint: Rule, value: str) -> bool:
    """Whether `value` can be what its field's name promises."""
    if value.lower() in OPERATIONS or len(value) < 3:
        return False
    if hint in NUMBERED:
        return sum(c.isdigit() for c in value) >= 4
    if hint is pii.NAME:
        return value[:1].isupper() or " " in value
    return hint.group is RuleGroup.SECRET or hint is pii.ADDRESS
