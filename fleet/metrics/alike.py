"""Agents whose series differ in nothing but name and numbers: their lines are written together.

What they have in common stands here once, of each agent only its numbers, packed. So a scrape joins
names and numbers in C, and a fleet costs it no text that is kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import add
from struct import Struct
from typing import Final, NamedTuple

from fleet.metrics.agent_families import AGE, Family
from fleet.metrics.number_texts import number_texts

AT_ONCE: Final = 1_000
"""Numbers that become text in one call: one that is written otherwise costs no more than these."""


class Column(NamedTuple):
    """A number that each of them has; `texts` is how it is written. `AGE` is kept as the moment
    from which it counts."""

    family: Family
    texts: Callable[[Sequence[float]], list[str]] = number_texts


class Alike:
    """Rows of numbers by agent.

    Attributes:
        key: what they have in common, as a key.
        words: what follows the name in each line of a family that has no number of its own.
        metrics: those of an agent's metrics that a row has, in order; and whether each is exact.
        lacks: how many of its metrics have no place in the exposition.
    """

    __slots__ = ("_columns", "_row", "key", "lacks", "metrics", "rows", "words")

    def __init__(
        self,
        key: Hashable,
        words: Mapping[Family, Sequence[str]],
        columns: Sequence[Column],
        metrics: Sequence[tuple[str, bool]] = (),
        lacks: int = 0,
    ) -> None:
        self.key = key
        self.words = words
        self.metrics = metrics
        self.lacks = lacks
        self.rows: dict[str, bytes] = {}
        self._columns = columns
        self._row = Struct(f"{len(columns)}d")

    @property
    def families(self) -> set[Family]:
        """Those of which they have a line."""
        return {*self.words, *(column.family for column in self._columns)}

    def enter(self, name: str, numbers: Sequence[float]) -> None:
        """One for each column."""
        self.rows[name] = self._row.pack(*numbers)

    def lines(self, now: float) -> dict[Family, str]:
        """The lines of all of them, by family."""
        names = list(self.rows)
        named = [f'{name}"}} ' for name in names]
        numbers = array("d")
        numbers.frombytes(b"".join(self.rows.values()))
        found = {
            family: "".join([_worded(family, names, rest) for rest in texts])
            for family, texts in self.words.items()
        }
        for place, (family, texts) in enumerate(self._columns):
            values = numbers[place :: len(self._columns)].tolist()
            if family is AGE:
                values = [now - seen for seen in values]
            found[family] = _numbered(family, named, values, texts)
        return found


def _worded(family: Family, names: Sequence[str], rest: str) -> str:
    head = f'{family.name}{{agent="'
    between = rest + head
    return f"{head}{between.join(names)}{rest}"


def _numbered(
    family: Family,
    named: Sequence[str],
    values: Sequence[float],
    texts: Callable[[Sequence[float]], list[str]],
) -> str:
    written: list[str] = []
    for start in range(0, len(values), AT_ONCE):
        written += texts(values[start : start + AT_ONCE])
    head = f'{family.name}{{agent="'
    between = f"\n{head}"
    lines = between.join(map(add, named, written))
    return f"{head}{lines}\n"
