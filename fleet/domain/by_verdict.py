"""Everyone of a fleet by verdict, each part in the order of names: what a page of agents is cut
from.

Made in one pass, and kept: the few whose verdict has changed since go to another part when somebody
asks. It knows names and records, and judges nobody.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Final, Protocol

from fleet.domain.verdict import Verdict

MOST_MOVED: Final = 200
"""Agents that are moved one by one; for more of them one pass over all of 100,000 costs less."""


class Judged(Protocol):
    """Whatever has a verdict."""

    verdict: Verdict


class ByVerdict:
    """`note` is told before a verdict changes; `of` is asked."""

    def __init__(self) -> None:
        self._parts: dict[Verdict, list[str]] = {}
        self._order: Sequence[str] | None = None
        self._moved: dict[str, Verdict] = {}
        self._unheard: Set[str] = frozenset()
        self._doubted: dict[Verdict, list[str]] | None = None
        """`_parts` where those are unheard; None: it is to be made."""

    def note(self, name: str, verdict: Verdict) -> None:
        """`name`, which is of this `verdict`, is going to be of another one."""
        if len(self._moved) <= MOST_MOVED:
            self._moved.setdefault(name, verdict)

    def of(
        self,
        order: Sequence[str],
        records: Mapping[str, Judged],
        unheard: Set[str] = frozenset(),
    ) -> dict[Verdict, list[str]]:
        """`order` is another object whenever names came or went; who has no record, or is
        `unheard`, is unknown. What is given holds until the next call: it is changed in place."""
        if order is not self._order or len(self._moved) > MOST_MOVED:
            self._parts, self._order = _in_one_pass(order, records), order
            self._doubted = None
        else:
            for name, before in self._moved.items():
                self._move(name, before, records[name].verdict)
                self._doubted = None
        self._moved.clear()
        if not unheard:
            self._unheard, self._doubted = frozenset(), None
            return self._parts
        if self._doubted is None or self._unheard != unheard:
            self._unheard = frozenset(unheard)
            self._doubted = _without(self._parts, self._unheard)
        return self._doubted

    def _move(self, name: str, before: Verdict, now: Verdict) -> None:
        if now is before:
            return
        part = self._parts[before]
        del part[bisect_left(part, name)]
        if not part:
            del self._parts[before]
        insort(self._parts.setdefault(now, []), name)


def _in_one_pass(order: Sequence[str], records: Mapping[str, Judged]) -> dict[Verdict, list[str]]:
    """Without a call for each: a page of a list of 100,000 waits for it."""
    found: dict[Verdict, list[str]] = {}
    before, part = None, list[str]()
    for name in order:
        record = records.get(name)
        verdict = record.verdict if record is not None else Verdict.UNKNOWN
        if verdict is not before:
            before, part = verdict, found.setdefault(verdict, [])
        part.append(name)
    return found


def _without(
    parts: Mapping[Verdict, list[str]], unheard: Collection[str]
) -> dict[Verdict, list[str]]:
    """`parts`, in which whoever is `unheard` is unknown."""
    known = {
        of: [name for name in part if name not in unheard]
        for of, part in parts.items()
        if of is not Verdict.UNKNOWN
    }
    moved = (
        name
        for of, part in parts.items()
        if of is not Verdict.UNKNOWN and len(part) > len(known[of])
        for name in part
        if name in unheard
    )
    # In order part by part, which a sort merges: of 100,000 a tenth of what any order takes.
    unknown = sorted([*parts.get(Verdict.UNKNOWN, ()), *moved])
    return {of: part for of, part in (known | {Verdict.UNKNOWN: unknown}).items() if part}
