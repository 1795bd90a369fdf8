"""Names of agents alone, in order: of 100,000 in milliseconds, since nobody is looked at."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fleet.domain.roster import Roster

BEHIND = "\x7f"
"""Comes behind whatever a name is made of."""


class NameQuery(NamedTuple):
    """Which names are asked for.

    Attributes:
        prefix: how they begin.
        limit: names that are told; None: all.
        own: of the hub's own site alone, where there are several.
        enrolled: those on the operator's list alone, where there is one.
    """

    prefix: str = ""
    limit: int | None = None
    own: bool = False
    enrolled: bool = False


def names_of(rosters: Iterable[Roster], wanted: NameQuery) -> tuple[list[str], int]:
    """Those that are told, and how many there are. Of more than are told, the first ones and the
    last one: what they all begin with is what all begin with, and a shell that goes on from there
    leads past nobody."""
    found, seen = list[str](), set[str]()
    every = list(rosters)
    for roster in every:
        begun = _begun(roster, wanted.prefix)
        if len(every) > 1:  # an agent is the first site's that knows it
            begun = [name for name in begun if name not in seen]
            seen.update(begun)
        listed = roster.enrolled
        if wanted.enrolled and listed is not None:
            begun = [name for name in begun if name in listed]
        found += begun
    if len(every) > 1:
        found.sort()
    count, limit = len(found), wanted.limit
    if limit is not None and count > limit:
        found = [*found[: limit - 1], found[-1]]
    return found, count


def _begun(roster: Roster, prefix: str) -> Sequence[str]:
    names = roster.in_order()
    if not prefix:
        return names
    first = bisect_left(names, prefix)
    return names[first : bisect_left(names, prefix + BEHIND, first)]
