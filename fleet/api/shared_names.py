"""Names that agents of several sites have: each is told once, as the first site's that knows it."""

from __future__ import annotations

from collections.abc import Sequence, Set

from fleet.domain.roster import Roster


class SharedNames:
    """What `of` found is kept until names come or go: there are few of them or none, and looking
    for them means a look at all names of all sites."""

    def __init__(self) -> None:
        self._orders: list[list[str]] = []
        self._found: list[Set[str]] = []

    def of(self, rosters: Sequence[Roster]) -> list[Set[str]]:
        """Of each the names that one before it has, too."""
        if len(rosters) < 2:
            return [frozenset() for _ in rosters]
        orders = [roster.in_order() for roster in rosters]  # other objects where names changed
        kept = self._orders
        if len(kept) != len(orders) or any(a is not b for a, b in zip(kept, orders, strict=True)):
            self._orders, self._found = orders, _found(orders)
        return self._found


def _found(orders: Sequence[Sequence[str]]) -> list[Set[str]]:
    seen, found = set[str](), list[Set[str]]()
    for names in orders:
        found.append(seen.intersection(names))
        seen.update(names)
    return found
