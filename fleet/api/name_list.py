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
    for roster in rosters:
        begun = [name for name in _begun(roster, wanted.prefix) if name not in seen]
        seen.update(begun)  # an agent is the first site's that knows it
        found += [name for name in begun if not wanted.enrolled or _is_listed(roster, name)]
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


def _is_listed(roster: Roster, name: str) -> bool:
    return roster.enrolled is None or name in roster.enrolled
