"""Names of people in text, as they are written: with accents, or in another script than Latin.

In text a name is two words with capitals, or what a script without capitals has of its own. Two
words that no list has count only where they are all that the text says.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from fleet.auditor.detection.name_pairs import pair
from fleet.auditor.rules import pii
from fleet.auditor.rules.rule import Hit
from fleet.auditor.rules.wordlists import lexicon
from fleet.contract.vocabulary import Severity

_MARKS: Final = (
    "\u0300-\u036f\u0591-\u05c7\u064b-\u0670\u0900-\u0963\u0970-\u0dff\u0e31-\u0e4e\u0eb1-\u0ece\u1000-\u109f"
    "\u1780-\u17dd\u200c\u200d"
)
"""Vowels and joints that many scripts write at a letter: no letters themselves."""

_WORD: Final = re.compile(rf"[^\W\d_](?:[^\W\d_]|[{_MARKS}])*")
_UNSPACED: Final = re.compile(r"[\u3400-\u9fff\uac00-\ud7af]{2,5}")
"""Han and Hangul, in which a family and a given name are written as one."""

_LETTERS: Final = str.maketrans("øłđ\u0131ð", "oldid")
_LIGATURES: Final = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"})
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})


@lru_cache(20_000)
def spellings(word: str) -> tuple[str, ...]:
    """`word` in the Latin letters of a slug, in each way that is usual; empty for other scripts."""
    lower = word.lower()
    found = []
    for text in (lower.translate(_UMLAUTS), lower):
        decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS).translate(_LIGATURES))
        plain = "".join(c for c in decomposed if not unicodedata.combining(c))
        if plain.isascii() and plain not in found:
            found.append(plain)
    return tuple(found)


def find(text: str) -> Iterator[Hit]:
    """Names of people in `text`."""
    words = list(_WORD.finditer(text))
    whole = 1 <= len(words) <= 3 and not any(map(str.isdigit, text))
    for first, second in itertools.pairwise(words):
        if not 1 <= second.start() - first.end() <= 2:
            continue
        sure = _sure(first[0], second[0], whole=whole)
        if sure is not None:
            severity = None if sure is Severity.CRITICAL else sure
            yield Hit(pii.NAME, first.start(), second.end(), severity)
    for word in words:
        if _UNSPACED.fullmatch(word[0]):
            listed = _listed_halves(word[0])
            if listed == 2 or (listed and len(words) == 1 and len(word[0]) <= 4):
                yield Hit(
                    pii.NAME, word.start(), word.end(), None if listed == 2 else Severity.WARNING
                )


def _sure(a: str, b: str, *, whole: bool) -> Severity | None:
    latin = [(x, y) for x in spellings(a) for y in spellings(b)]
    if not latin:
        own = lexicon().own_script_names
        listed = (a.lower() in own) + (b.lower() in own)
        if listed == 2:
            return Severity.CRITICAL
        # Two words of a script that writes names large, and nothing beside them.
        return Severity.WARNING if whole and (listed or _are_names_by_form(a, b)) else None
    if not (a[:1].isupper() and b[:1].isupper()):
        return None
    found = [sure for x, y in latin if (sure := pair(x, y)) is not None]
    if not found:
        known = lexicon()
        unknown = not any(map(known.is_known, (*spellings(a), *spellings(b))))
        return Severity.WARNING if whole and unknown and min(len(a), len(b)) > 2 else None
    if Severity.CRITICAL in found:
        return Severity.CRITICAL
    return Severity.WARNING if whole else None


def _are_names_by_form(a: str, b: str) -> bool:
    """Whether both words open with a capital, or their script has none; two letters or more."""
    return all(len(word) >= 2 and word[:1] == word[:1].upper() for word in (a, b))


@lru_cache(20_000)
def _listed_halves(word: str) -> int:
    """How many halves of `word`, a family and a given name, are in the lists at best."""
    own = lexicon().own_script_names
    return max(
        ((word[:cut] in own) + (word[cut:] in own) for cut in (1, 2) if cut < len(word)), default=0
    )
