"""How far one word is a person's name: by lists where it stands in one, else by its letters.

A list is never whole. So an unknown word counts by how much rather a name has its trigrams.
"""

from __future__ import annotations

import math
from enum import IntEnum
from functools import lru_cache
from typing import Final

from fleet.auditor.rules.wordlists import OPERATIONS, lexicon

REMEMBERED: Final = 20_000
"""Words of which the verdict is remembered."""

_LETTERS: Final = {c: n for n, c in enumerate("^abcdefghijklmnopqrstuvwxyz$")}
_STEP: Final = 0.1
"""Nats a step of a trigram's weight, as `scripts/words/build.py` wrote it."""

_LOOKS_LIKE_NAME: Final = 1.0
"""Nats for the square root of the trigrams: three names of four that no list has, and one
unknown word of programs in fifteen."""

_NOT_AGAINST: Final = -0.6
"""Above it a word beside a listed name may be one, too."""

_PROGRAMS: Final = ("api", "cfg", "cli", "ctl", "dir", "gtk", "gui", "lib", "sdk")
"""Ends of what programs are called, in words that no list has."""

_ADJECTIVES: Final = ("able", "ful", "ial", "ible", "ical", "ish", "ive", "less", "ous")
"""Ends of words that say how something is: generators put those before a name."""

_HEX: Final = frozenset("abcdef")


class Likeness(IntEnum):
    """How far a word is a person's name."""

    NONE = 0
    LOOKS = 1
    """In no list, and spelled like one."""
    AMBIGUOUS = 2
    """A name, and also a word of operations or of English."""
    NAME = 3


@lru_cache(REMEMBERED)
def likeness(word: str) -> Likeness:
    """How far `word`, lower-case Latin letters, is a person's name."""
    known = lexicon()
    if len(word) < 3 or known.is_operations(word):
        return Likeness.NONE
    if known.is_name(word):
        ambiguous = len(word) == 3 or known.is_known(word)
        return Likeness.AMBIGUOUS if ambiguous else Likeness.NAME
    if len(word) < 4 or len(word) > 20 or known.is_known(word):
        return Likeness.NONE
    looks = weight(word) > _LOOKS_LIKE_NAME and not _holds_operations(word)
    return Likeness.LOOKS if looks else Likeness.NONE


def weight(word: str) -> float:
    """How much rather the letters of `word` are a name's, in nats for the root of its trigrams."""
    table = lexicon().trigrams
    places = [_LETTERS.get(c, 0) for c in f"^{word}$"]
    total = sum(
        table[(a * 28 + b) * 28 + c] - 128
        for a, b, c in zip(places, places[1:], places[2:], strict=False)
    )
    return total * _STEP / math.sqrt(len(word))


def may_be_name(word: str) -> bool:
    """Whether `word` is in no list at all, and its letters do not speak against a name."""
    return len(word) >= 5 and is_no_word(word) and weight(word) > _NOT_AGAINST


def is_no_word(word: str) -> bool:
    """Whether `word` is in no list but those of names, and not made from words of operations."""
    if not 4 <= len(word) <= 14 or not word.isalpha() or lexicon().is_known(word):
        return False
    odd = word.endswith(_ADJECTIVES) or _HEX.issuperset(word)
    return not odd and not _holds_operations(word)


@lru_cache(REMEMBERED)
def _holds_operations(word: str) -> bool:
    """Whether an unknown word begins or ends with one of operations: `kserver`, `datasrc`."""
    if word.endswith(_PROGRAMS):
        return True
    return any(word[:n] in OPERATIONS or word[-n:] in OPERATIONS for n in range(4, len(word)))
