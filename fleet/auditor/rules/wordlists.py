"""What words are: operations, names of people, plain language. Loaded once, when first asked.

The short lists in `words/` are ours; the long ones are made from other projects' by
`scripts/words/build.py`, with their sources and licences in `words/SOURCES.md`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final


def word_set(text: str) -> frozenset[str]:
    """The words of `text`; lines that open with `#` are comments."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


def _data(name: str) -> bytes:
    return (Path(__file__).with_name("words") / name).read_bytes()


def _file(name: str) -> frozenset[str]:
    return word_set(_data(f"{name}.txt").decode())


OPERATIONS: Final = _file("operations")
FUNCTION_WORDS: Final = _file("function")
FIELD_NOUNS: Final = _file("fields")
HEALTH_WORDS: Final = _file("health")
FAMILY_WORDS: Final = _file("family")
FINANCE_WORDS: Final = _file("finance")


class WordFile:
    """A long sorted list, one word a line, searched in place: a set of it is ten times as large.

    Words that open with the same two bytes stand together, so a search is one through a page.
    """

    def __init__(self, data: bytes) -> None:
        self._data = b"\n" + data
        self._pages: dict[bytes, tuple[int, int]] = {}
        start = place = 0
        opening = b""
        for line in data.split(b"\n"):
            if line[:2] != opening:
                self._pages[opening] = start, place + 1
                start, opening = place, line[:2]
            place += len(line) + 1

    def __contains__(self, word: str) -> bool:
        wanted = word.encode("utf-8", "replace")
        page = self._pages.get(wanted[:2])
        return page is not None and self._data.find(b"\n%b\n" % wanted, *page) >= 0

    def runs_of_letters(self, size: int) -> Counter[str]:
        """How often so many letters stand in a row, in all words."""
        words = self._data.decode("ascii", "ignore").split("\n")
        return Counter(word[i : i + size] for word in words for i in range(len(word) - size + 1))


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Lists of lower-case Latin words."""

    given_names: WordFile
    family_names: WordFile
    english: WordFile
    """What a dictionary writes small: names of people and places are not in it."""
    own_script_names: WordFile
    """Names of people as they are written where letters are not Latin."""
    kinds: WordFile
    """Names of people that are first of all an animal, a plant, food, a stone or a colour."""
    packages: WordFile
    """Words of the names that Debian's packages have: what machines and programs are called."""
    trigrams: bytes
    """By three letters in a row: 128 and more where names of people have them rather."""
    wordnet: WordFile
    """Rarer words of English, which are nobody's name."""

    def runs_of_letters(self, size: int) -> Counter[str]:
        """How often English has so many letters in a row."""
        return self.english.runs_of_letters(size)

    def is_operations(self, word: str) -> bool:
        return word in OPERATIONS or word in self.packages

    def is_known(self, word: str) -> bool:
        """Whether `word` is one of operations or of plain English."""
        if self.is_operations(word) or word in FUNCTION_WORDS or word in self.english:
            return True
        return word in self.wordnet

    def is_plain(self, word: str) -> bool:
        """Whether `word` is one of plain English, and not one of operations."""
        return not self.is_operations(word) and (word in FUNCTION_WORDS or word in self.english)

    def is_name(self, word: str) -> bool:
        return word in self.given_names or word in self.family_names


@cache
def lexicon() -> Lexicon:
    """The words, once a process: 2 MB."""
    return Lexicon(
        given_names=WordFile(_data("given-names.txt")),
        family_names=WordFile(_data("family-names.txt")),
        english=WordFile(_data("english.txt")),
        kinds=WordFile(_data("kinds.txt")),
        own_script_names=WordFile(_data("own-script-names.txt")),
        packages=WordFile(_data("vocabulary.txt")),
        trigrams=_data("trigrams.bin"),
        wordnet=WordFile(_data("wordnet.txt")),
    )
