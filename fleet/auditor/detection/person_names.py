"""Whether the words of a slug name a person.

Two listed names do wherever they stand; what only may be a name does where nothing else is said.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

from fleet.auditor.detection.name_likeness import (
    REMEMBERED,
    Likeness,
    is_no_word,
    likeness,
    may_be_name,
    weight,
)
from fleet.auditor.detection.name_pairs import pair
from fleet.auditor.rules.wordlists import lexicon, word_set
from fleet.contract.vocabulary import Severity

_FRAME: Final = word_set(
    """
        agent assistant bot claw copilot dev eu helper home host laptop my node of personal prod
        secretary staging test us user vm work worker
        """
)
"""Words that stand before or behind the name of whose agent it is."""

_OF_SOMEBODY: Final = word_set(
    "agent assistant bot claw copilot my of personal prod secretary work"
)
"""Of those, words that no name of a program has beside two that are unknown."""

_OF_AN_AGENT: Final = 0.5
"""Weight above which each of two unknown words may be a name behind `bot` and the like."""


def find_person(words: Sequence[str], *, alone: bool = False) -> Severity | None:
    """How sure it is that words name a person; None if they do not.

    `words`: those of a slug and its numbers, in order.
    `alone`: there is one word, and nothing else.

    Two listed names are enough wherever they stand. What only may be a name is one where nothing
    else is said; among other words it is a clue.
    """
    found = [sure for a, b in itertools.pairwise(words) if (sure := pair(a, b)) is not None]
    bare = sum(not is_frame(word) for word in words)
    ours = bare == 2 and not _OF_SOMEBODY.isdisjoint(words)
    if found:
        best = max(found, key=lambda severity: severity.rank)
        if best is Severity.INFO and ours:
            return Severity.WARNING
        if best is Severity.CRITICAL or bare == 2:
            return best
        surely = best is Severity.WARNING and _are_all_names(words)
        return Severity.WARNING if surely else Severity.INFO
    if ours and _are_unlisted(words):
        return Severity.WARNING
    if any(word.isalpha() and is_fused(word) for word in words):
        odd = bare == 1 and any(map(has_odd_seam, words))
        return Severity.WARNING if odd else Severity.INFO
    if alone and words[0] in lexicon().given_names and likeness(words[0]) is Likeness.NAME:
        return Severity.INFO
    return None


def _are_all_names(words: Sequence[str]) -> bool:
    """Whether all that words say is names, or like them: `cunha-ana-sophia`, `tseng-hui-mei`."""
    known = lexicon().is_known
    return all(is_frame(word) or (likeness(word) and not known(word)) for word in words)


def _are_unlisted(words: Sequence[str]) -> bool:
    """Whether the two words of an agent's name that say something may be a person's.

    One that is like a name is enough beside one that is no word; without one both must be spelled
    as names are.
    """
    bare = [word for word in words if not is_frame(word)]
    if any(map(likeness, bare)):
        return not any(map(lexicon().is_known, bare)) and all(map(is_no_word, bare))
    return all(may_be_name(word) and weight(word) > _OF_AN_AGENT for word in bare)


def is_frame(word: str) -> bool:
    """Whether `word` only says whose or which agent it is: `bot-magdalena-nowicka-v3`."""
    return len(word) == 1 or word.isdigit() or word in _FRAME


@lru_cache(REMEMBERED)
def is_fused(word: str) -> bool:
    """`johnsmith`: a given and a family name written as one, where no word reads so."""
    known = lexicon()
    if not 8 <= len(word) <= 24 or known.is_known(word) or known.is_name(word):
        return False
    if is_made_of_words(word):
        return False
    return any(
        likeness(word[:place]) is Likeness.NAME
        and word[:place] in known.given_names
        and likeness(word[place:]) is Likeness.NAME
        and word[place:] in known.family_names
        for place in range(4, len(word) - 3)
    )


@cache
def _usual_trigrams() -> frozenset[str]:
    return frozenset(run for run, count in lexicon().runs_of_letters(3).items() if count >= 8)


def has_odd_seam(word: str) -> bool:
    """Whether letters in a row are hardly any word's: as in `johnsmith`, not in `aldosterone`."""
    usual = _usual_trigrams()
    odd = sum(word[i : i + 3] not in usual for i in range(len(word) - 2))
    return odd > (0 if len(word) >= 10 else 0.35 * len(word))


@lru_cache(REMEMBERED)
def is_made_of_words(run: str) -> bool:
    """Whether letters in a row are known words without a gap: `particleeffects`."""
    known = lexicon()
    reached = [True] + [False] * len(run)
    for end in range(3, len(run) + 1):
        for start in range(max(0, end - 16), end - 2):
            if reached[start] and known.is_known(run[start:end]):
                reached[end] = True
                break
    return reached[-1]
