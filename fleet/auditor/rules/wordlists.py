"""What words are: operations, names of people, plain language. Loaded once, when first asked.

Our own lists are the files in `words/`. Names and frequent words come from zxcvbn (US census,
Wikipedia, film subtitles; each word stands in the one list where it is most frequent).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final


def word_set(text: str) -> frozenset[str]:
    """The words of `text`; lines that open with `#` are comments."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


def _file(name: str) -> frozenset[str]:
    folder = resources.files("fleet.auditor.rules") / "words"
    return word_set((folder / f"{name}.txt").read_text("utf-8"))


OPERATIONS: Final = _file("operations")
FUNCTION_WORDS: Final = _file("function")
FIELD_NOUNS: Final = _file("fields")
HEALTH_WORDS: Final = _file("health")
FINANCE_WORDS: Final = _file("finance")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Sets of lower-case words."""

    first_names: frozenset[str]
    surnames: frozenset[str]
    language: frozenset[str]
    """Plain English, function words included, operations and names left out."""
    passwords: frozenset[str]
    """The most used passwords that mix letters and digits, so that no word is one."""

    def is_first_name(self, word: str) -> bool:
        return word in self.first_names

    def is_surname(self, word: str) -> bool:
        return word in self.surnames


@cache
def lexicon() -> Lexicon:
    """The words, once a process: some 60,000 short strings, 6 MB."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS as LISTS

    no_names = _file("no-names") | OPERATIONS
    first = {*LISTS["female_names"], *LISTS["male_names"], *_file("first-names")}
    last = {*LISTS["surnames"], *_file("surnames")}
    language = {*LISTS["english_wikipedia"][:15_000], *LISTS["us_tv_and_film"][:10_000]}
    names = {*LISTS["female_names"][:1_500], *LISTS["male_names"], *LISTS["surnames"][:3_000]}
    return Lexicon(
        first_names=frozenset(word for word in first if len(word) > 2 and word not in no_names)
        | {"li", "jo", "al", "ed", "bo"},
        surnames=frozenset(word for word in last if len(word) > 1 and word not in OPERATIONS),
        language=frozenset(
            word
            for word in language | FUNCTION_WORDS
            if len(word) > 1 and word not in OPERATIONS and word not in names and word.isalpha()
        ),
        passwords=frozenset(
            word
            for word in LISTS["passwords"]
            if len(word) >= 6 and any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
        ),
    )
