"""Numbers spelled in a name, version or id: accounts, cards, identity, telephones, dates.

Every part of the name is tried alone and together with its neighbours, so that no prefix hides
anything. How a number is grouped says more than a check digit does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fleet.auditor.rules import checksums, national_ids, pii
from fleet.auditor.rules.rule import Rule

_PARTS: Final = re.compile(r"[-_.+]+")
_GROUPED: Final = re.compile(r"(?<![A-Za-z0-9])\d+(?:[-_.]\d+)+(?![A-Za-z0-9])")
_BORN: Final = re.compile(r"[A-Za-z][-_](19\d{6})(?![0-9A-Za-z])")
"""A day of last century behind a word: machines of that age report no versions here."""

_BEFORE_RELEASES: Final = re.compile(r"(?<!\d)19[1-6]\d")
"""A year in which nothing was released that reports here."""

_BARE: Final = re.compile(r"(?<![0-9a-fA-F])\d{8,19}(?![0-9a-fA-F])")
_VERSION: Final = re.compile(r"v?\d{1,5}(?:\.\d+)+(?![\d@])")
_REVISION: Final = re.compile(r"(?<![A-Za-z])(?:git|g)\.?[0-9a-f]{6,40}(?![0-9A-Za-z])")
"""A commit, as packagers write it into a version: some are somebody's number by chance."""

_MAX_PARTS: Final = 9
"""Parts that are tried together: an IBAN in groups of four has nine."""


def find(name: str) -> Rule | None:
    """What the digits of `name` are, if they are somebody's."""
    name = _REVISION.sub("", name)
    if sum(character.isdigit() for character in name) < 6:
        return None
    parts = [part for part in _PARTS.split(name) if part]
    # What counts builds is all digits and dots; only what no build number looks like is a leak.
    counted = bool(_VERSION.match(name))
    return (
        _account(parts)
        or _grouped(name)
        or (None if counted else _bare(name))
        or _identity(name, parts, counted=counted)
        or _telephone(name)
    )


def _windows(parts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(len(parts)):
        for end in range(start + 1, min(len(parts), start + _MAX_PARTS) + 1):
            yield parts[start:end]


def _account(parts: Sequence[str]) -> Rule | None:
    for window in _windows(parts):
        code = "".join(window)
        if 15 <= len(code) <= 34 and code[:2].isalpha() and code[2:4].isdigit():
            groups = all(len(group) == 4 for group in window[:-1])
            if (len(window) == 1 or groups) and checksums.is_iban(code):
                return pii.IBAN
    return None


def _identity(name: str, parts: Sequence[str], *, counted: bool) -> Rule | None:
    for window in _windows(parts):
        size = sum(map(len, window))
        if size not in national_ids.SIZES or not any(c.isdigit() for c in window[0] + window[-1]):
            continue
        place = name.find(window[0])
        written = name[place : place + size + len(window) - 1]
        if national_ids.is_written(window, written if counted or "." in written else None):
            return pii.NATIONAL_ID
        lettered = any(c.isalpha() for c in window[0])
        if len(window) == 1 and lettered and national_ids.is_bare(window[0]):
            return pii.NATIONAL_ID
    return None


def _grouped(name: str) -> Rule | None:
    named = any(character.isalpha() for character in name)
    for match in _GROUPED.finditer(name):
        rule = grouped(match[0])
        inner = None if rule else _within(match[0])
        alone = inner is pii.CARD or (inner is pii.BIRTH_DATE and _BEFORE_RELEASES.search(match[0]))
        if rule or (inner and (named or alone)):
            return rule or inner
    return None


def _within(run: str) -> Rule | None:
    """What stands in a run beside short counts: `4111-1111-1111-1111-2`, `1931-04-29-18`."""
    groups = re.split(r"[-_]", run)
    if "." in run:
        return None
    for size in (4, 3):
        for start in range(len(groups) - size + 1):
            others = groups[:start] + groups[start + size :]
            if others and max(map(len, others)) <= 3:
                rule = grouped("-".join(groups[start : start + size]))
                if rule:
                    return rule
    return None


def _bare(name: str) -> Rule | None:
    born = _BORN.search(name)
    if born and checksums.is_birth(born[1]) and not re.search(r"[.+]", name):
        return pii.BIRTH_DATE
    for run in _BARE.findall(name):
        if checksums.is_birth(run) and _BEFORE_RELEASES.match(run):
            return pii.BIRTH_DATE
        if checksums.is_card(run):
            return pii.CARD
        if not checksums.is_time(run) and national_ids.is_bare(run):
            return pii.NATIONAL_ID
    return None


def _telephone(name: str) -> Rule | None:
    match = re.search(r"\+\d{10,15}", name)
    return pii.PHONE if match and checksums.is_phone_text(match[0]) else None


def grouped(run: str) -> Rule | None:
    """What digits in groups are: the sizes of the groups say it, checksums confirm it."""
    groups = re.split(r"[-_.]", run)
    sizes = tuple(map(len, groups))
    joined = "".join(groups)
    if checksums.is_card(joined) and min(sizes) >= 3:
        return pii.CARD
    dotted = "." in run
    if sizes == (3, 2, 4) and not dotted and joined[0] != "9":
        return pii.NATIONAL_ID
    if dotted:
        return None
    if sizes in ((3, 3, 4), (1, 3, 3, 4), (2, 3, 3, 4)) and checksums.is_phone(joined):
        return pii.PHONE
    if len(joined) >= 11 and max(sizes) <= 4 and checksums.is_phone_text(f"+{joined}"):
        return pii.PHONE if checksums.is_phone(joined) else None
    if sizes == (4, 2, 2) and checksums.is_birth(joined) and int(groups[0]) <= 2010:
        return pii.BIRTH_DATE
    if sizes == (2, 2, 4):
        years = groups[2] + groups[1] + groups[0], groups[2] + groups[0] + groups[1]
        return pii.BIRTH_DATE if any(map(checksums.is_birth, years)) else None
    return None


def of_digits(run: str, *, dates: bool = True) -> Rule | None:
    """What digits without any context can only be; None for times and for what may be a count."""
    if checksums.is_card(run):
        return pii.CARD
    if checksums.is_time(run):
        return pii.BIRTH_DATE if dates and checksums.is_birth(run) else None
    if len(run) >= 10 and checksums.is_phone(run):
        return pii.PHONE
    if checksums.is_national_id(run):
        return pii.NATIONAL_ID
    return pii.BIRTH_DATE if dates and checksums.is_birth(run) else None
