"""Whether two words side by side are a person's name, and how sure that is."""

from __future__ import annotations

from typing import Final

from fleet.auditor.detection.name_likeness import Likeness, likeness, may_be_name, weight
from fleet.auditor.rules.wordlists import lexicon, word_set
from fleet.contract.vocabulary import Severity

TITLES: Final = word_set("mr mrs ms miss dr herr frau prof sir madame monsieur senor senora")

_SURELY_NAMES: Final = 2.0
"""Weight of two words together where no list has either: `yumiko-fukuda`."""

_BESIDE_A_NAME: Final = 0.0
"""Above it an unknown word beside a listed name is one where nothing else is said."""

_BESIDE_A_SHORT_NAME: Final = 2.0
"""The same beside one of three letters, which are much else: `ryohei-ito`."""

_BESIDE_AN_UNKNOWN: Final = 1.8
"""The same of both where one is in a list, has three letters, and the other is in none."""


def pair(a: str, b: str) -> Severity | None:
    """How sure it is that two words side by side name a person; None if they do not."""
    known = lexicon()
    first, second = likeness(a), likeness(b)
    kinds = a in known.kinds, b in known.kinds
    if all(kinds):
        return None  # `opal-finch`: a stone and a bird, and how generators name machines
    if not first or not second:
        return _beside_unknown(a, b, first, second)
    ordered = a in known.given_names and b in known.family_names
    inverted = a in known.family_names and b in known.given_names
    if first is second is Likeness.NAME:
        return Severity.CRITICAL if ordered or inverted else Severity.WARNING
    if Likeness.AMBIGUOUS in (first, second):
        return _beside_ambiguous(a, b, ordered=ordered)
    if any(kinds):
        return Severity.INFO
    if Likeness.NAME in (first, second) or weight(a) + weight(b) > _SURELY_NAMES:
        return Severity.WARNING
    return Severity.INFO


def _beside_unknown(a: str, b: str, first: Likeness, second: Likeness) -> Severity | None:
    """The verdict on a pair of which one word at least is neither in a list nor like a name."""
    if a in TITLES and (second is Likeness.NAME or (second and len(b) > 3)):
        return Severity.CRITICAL
    if Likeness.NAME not in (first, second):
        return _beside_a_likely_name(a, b, first, second)
    name, other = (a, b) if first is Likeness.NAME else (b, a)
    if not may_be_name(other):
        return None
    sure = weight(other) > _BESIDE_A_NAME and name not in lexicon().kinds
    return Severity.WARNING if sure else Severity.INFO


def _beside_a_likely_name(a: str, b: str, first: Likeness, second: Likeness) -> Severity | None:
    """The verdict on an unknown word beside one that is only like a name, or a short name."""
    likely, other = (a, b) if first else (b, a)
    if not (first or second) or lexicon().is_known(likely) or not may_be_name(other):
        return None
    bound = _SURELY_NAMES if Likeness.LOOKS in (first, second) else _BESIDE_AN_UNKNOWN
    sure = min(weight(a), weight(b)) > 0 and weight(a) + weight(b) > bound
    return Severity.WARNING if sure else None


def _beside_ambiguous(a: str, b: str, *, ordered: bool) -> Severity | None:
    """The verdict on a pair of which one word at least is a name and something else, too."""
    known = lexicon()
    first, second = likeness(a), likeness(b)
    if not (known.is_known(a) or known.is_known(b)):  # only short: `eom-yeongsu`, `ryohei-ito`
        if Likeness.LOOKS in (first, second):
            looks = a if first is Likeness.LOOKS else b
            return Severity.WARNING if weight(looks) > _BESIDE_A_SHORT_NAME else None
        return Severity.WARNING
    if not ordered or first is second:
        return None
    # Adjectives are given names somewhere, and `jackson-west` is a place as well.
    sure = first is Likeness.NAME and a not in known.family_names
    return Severity.WARNING if sure else Severity.INFO
