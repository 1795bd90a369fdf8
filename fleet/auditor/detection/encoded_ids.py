"""Leaks spelled in ids and digests: text in place of chance."""

from __future__ import annotations

import re
from typing import Final

from fleet.auditor.detection import identifiers, number_runs
from fleet.auditor.rules import pii
from fleet.auditor.rules.rule import Rule
from fleet.auditor.rules.wordlists import lexicon

_CROCKFORD: Final = {c: n for n, c in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}
_LEET: Final = str.maketrans("01", "oi")
_LETTERS: Final = re.compile(r"[a-z]{12,}")
_DIGITS: Final = re.compile(r"\d{13,}")
"""Digits in a row in a ULID: chance gives so many once in millions."""


def leaked_in_ulid(ulid: str) -> Rule | None:
    """What a ULID spells, if it was not drawn by chance."""
    for run in _DIGITS.findall(ulid):
        parts = [part for part in re.split("0{3,}", run) if len(part) >= 8]
        for part in (*parts, *(part + "0" for part in parts), *(part + "00" for part in parts)):
            rule = number_runs.of_digits(part)
            if rule:
                return rule
    for run in _LETTERS.findall(ulid.lower().translate(_LEET)):
        if _holds_person(run):
            return pii.NAME
    # A time of this century opens with a byte that no text opens with.
    return None if ulid.startswith("01") else _leaked_in_bytes(ulid)


def _leaked_in_bytes(ulid: str) -> Rule | None:
    number = 0
    for character in ulid:
        number = number << 5 | _CROCKFORD[character]
    data = (number & (1 << 128) - 1).to_bytes(16, "big")
    text = data.strip(b"\0 ").decode("latin-1")
    if len(text) >= 9 and text.isascii() and text.isprintable():
        return _rule_of(text)
    return None


def leaked_in_hex(text: str) -> Rule | None:
    """What hex digits spell: text as bytes, or decimal digits padded with zeros."""
    decimal = text.strip("0")
    if decimal.isdigit() and 8 <= len(decimal) <= 19:
        for zeros in range(3):  # zeros at the end of a number are not padding
            rule = number_runs.of_digits(decimal + "0" * zeros)
            if rule:
                return rule
    data = bytes.fromhex(text).strip(b"\0 ")
    if len(data) >= 7 and all(32 <= byte < 127 for byte in data):
        found = data.decode("ascii")
        # Eight bytes are letters and marks by chance once in thousands, a word hardly ever.
        letters = found.replace(" ", "")
        if len(found) > 12 or (letters.isalpha() and (found.islower() or found.istitle())):
            return _rule_of(found)
    return None


def _rule_of(text: str) -> Rule:
    from fleet.auditor.detection.scanner import scan_text
    from fleet.auditor.rules.text import FREE_TEXT

    found = scan_text(text, "") or identifiers.find(text)
    return found[0].rule if found else FREE_TEXT


def _holds_person(run: str) -> bool:
    """Whether a first name and a surname of twelve letters together stand in `run`: of ten, chance
    writes them into one id in 500,000."""
    known = lexicon()
    for start in range(len(run) - 11):
        for middle in range(start + 4, len(run) - 3):
            first = run[start:middle]
            if first not in known.given_names or known.is_known(first):
                continue
            for end in range(max(middle + 4, start + 12), len(run) + 1):
                if run[middle:end] in known.family_names:
                    return True
    return False
