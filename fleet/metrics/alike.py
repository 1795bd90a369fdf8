"""Agents whose series differ in nothing but name and numbers: their lines are written together.

What they have in common stands here once, of each agent only its numbers, packed. So a scrape joins
names and numbers in C, and a fleet costs it no text that is kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Final

from fleet.contract.quantise import is_counter, is_point
from fleet.domain.measured import Shown
from fleet.domain.verdict import Verdict
from fleet.metrics import agent_families
from fleet.metrics.agent_families import AGE, SKEW, Family
from fleet.metrics.number_texts import number_texts, shown_gauge, thousandths

AT_ONCE: Final = 1_000
"""Lines that are written in one call: what they are made of stays in the processor's cache, and a
number that is written otherwise than most costs no more than these."""

UP: Final = frozenset({Verdict.OK, Verdict.DEGRADED, Verdict.LATE})
"""Verdicts of an agent that is heard. Of any other one (silent, gone, nobody's) there is nothing to
measure: its last numbers would stay for ever, and look like the present."""

_SECONDS: Final = frozenset({AGE, SKEW})
"""Families whose numbers have three places."""

_SAYS_NONE: Final[Mapping[str, str]] = {}


def common(seen: Shown) -> Hashable:
    """What an agent has in common with those that it is alike: whatever `take` compares."""
    versions = tuple(seen.versions.items()) if seen.versions else ()
    known = (seen.state, seen.kind, versions, seen.last_seen is None)
    if seen.state not in UP:
        return known
    checks, metrics = tuple(seen.checks.items()), tuple(seen.metrics)
    return *known, seen.uptime is None, seen.skew is None, checks, metrics


class Alike:
    """Rows of numbers by agent.

    Attributes:
        key: what they have in common, as a key.
        rows: the numbers of each, as `AGE` the moment from which it counts.
        lacks: how many of an agent's metrics have no place in the exposition.
    """

    __slots__ = (
        "_checks", "_columns", "_gauges", "_kind", "_metrics", "_no_skew", "_no_uptime", "_pack",
        "_placed", "_state", "_unseen", "_up", "_versions", "_words", "key", "lacks", "rows",
    )  # fmt: skip

    def __init__(self, key: Hashable, seen: Shown, placed: Mapping[str, Family]) -> None:
        """For agents that are alike `seen`; `placed`: those of its metrics that have a place."""
        self.key = key
        self.rows: dict[str, bytes] = {}
        self._state: Verdict | None = seen.state
        self._up = seen.state in UP
        self._kind = seen.kind
        self._versions = seen.versions or _SAYS_NONE
        self._checks = seen.checks
        self._metrics = tuple(seen.metrics)
        self._unseen = seen.last_seen is None
        self._no_uptime = seen.uptime is None
        self._no_skew = seen.skew is None
        self._placed = tuple(placed)
        self.lacks = len(self._metrics) - len(placed) if self._up else 0
        self._words = _words(seen, up=self._up)
        own = self._own_columns()
        self._columns = (*own, *placed.values())
        self._pack = Struct(f"{len(self._columns)}d").pack
        self._gauges = tuple(
            place
            for place, name in enumerate(placed, len(own))
            if not (is_counter(name) or is_point(name))
        )

    def _own_columns(self) -> list[Family]:
        """The hub's own families that have a number, in the order of `take`."""
        columns = [agent_families.INTERVAL]
        if not self._unseen:
            columns.append(AGE)
        if self._up:
            columns.append(agent_families.MISSING)
            if not self._no_uptime:
                columns.append(agent_families.UPTIME)
            if not self._no_skew:
                columns.append(SKEW)
        return columns

    @property
    def families(self) -> set[Family]:
        """Those of which they have a line."""
        return {*self._words, *self._columns}

    def take(self, seen: Shown) -> bool:
        """Enter the numbers of an agent; False, and nothing is entered, where it is not alike them.

        Whoever changed comes by here, and hardly anybody ever changes in anything but numbers: no
        key is made, and nothing is asked of it twice.
        """
        last_seen, versions, numbers = seen.last_seen, seen.versions or _SAYS_NONE, [seen.interval]
        if (
            seen.state is not self._state
            or seen.kind is not self._kind
            or (last_seen is None) is not self._unseen
            or (versions is not self._versions and versions != self._versions)
        ):
            return False
        if last_seen is not None:
            numbers.append(last_seen)
        if self._up:
            uptime, skew, checks, metrics = seen.uptime, seen.skew, seen.checks, seen.metrics
            if (
                (uptime is None) is not self._no_uptime
                or (skew is None) is not self._no_skew
                or (checks is not self._checks and checks != self._checks)
                or tuple(metrics) != self._metrics
            ):
                return False
            numbers.append(seen.missing or 0)
            if uptime is not None:
                numbers.append(uptime)
            if skew is not None:
                numbers.append(skew)
            numbers += map(metrics.__getitem__, self._placed) if self.lacks else metrics.values()
            for place in self._gauges:
                numbers[place] = shown_gauge(numbers[place])
        self.rows[seen.agent] = self._pack(*numbers)
        return True

    def take_nobody(self) -> None:
        """Whoever is like them from now on has another place."""
        self.key, self._state = object(), None

    def written(self, now: float) -> Written:
        """The lines of all of them at `now`."""
        return Written(self._words, self._columns, self.rows, now)


class Written:
    """The lines of agents that are alike, at one moment."""

    __slots__ = ("_columns", "_names", "_now", "_numbers", "_words")

    def __init__(
        self,
        words: Mapping[Family, Sequence[str]],
        columns: Sequence[Family],
        rows: Mapping[str, bytes],
        now: float,
    ) -> None:
        self._words = words
        self._columns = columns
        self._names = list(rows)
        self._numbers = array("d", b"".join(rows.values()))
        self._now = now

    def lines(self, family: Family) -> Iterator[str]:
        """Those of a family, in parts."""
        if family in self._words:
            for rest in self._words[family]:
                for start in range(0, len(self._names), AT_ONCE):
                    yield _worded(family, self._names[start : start + AT_ONCE], rest)
            return
        step, place = len(self._columns), self._columns.index(family)
        for start in range(0, len(self._names), AT_ONCE):
            end = start + AT_ONCE
            numbers = self._numbers[start * step + place : end * step : step]
            yield self._numbered(family, self._names[start:end], numbers)

    def _numbered(self, family: Family, names: Sequence[str], numbers: array[float]) -> str:
        raw = numbers.tobytes()
        same = raw[numbers.itemsize :] == raw[: -numbers.itemsize]  # as most intervals are
        values = numbers[:1].tolist() if same else numbers.tolist()
        if family is AGE:
            values = [self._now - seen for seen in values]
        texts = thousandths(values) if family in _SECONDS else number_texts(values)
        if same:
            return _worded(family, names, f'"}} {texts[0]}')
        return _numbered(family, names, texts)


def _worded(family: Family, names: Sequence[str], rest: str) -> str:
    """Lines that differ in the name alone; `rest` is what follows it."""
    head = f'{family.name}{{agent="'
    between = f"{rest}\n{head}"
    return f"{head}{between.join(names)}{rest}\n"


def _numbered(family: Family, names: Sequence[str], texts: Sequence[str]) -> str:
    head = f'{family.name}{{agent="'
    pieces = [f"\n{head}", "", '"} ', ""] * len(names)
    pieces[0] = head
    pieces[1::4] = names
    pieces[3::4] = texts
    pieces.append("\n")
    return "".join(pieces)


def _words(seen: Shown, *, up: bool) -> dict[Family, list[str]]:
    """What follows the name in lines that have no number of their own."""
    said = (seen.versions or _SAYS_NONE).get
    words = {
        agent_families.UP: [f'"}} {int(up)}'],
        agent_families.STATE: [f'",state="{seen.state.value}"}} 1'],
        agent_families.INFO: [
            f'",kind="{seen.kind or "unknown"}",version="{said("agent", "unknown")}",'
            f'sidecar="{said("sidecar", "unknown")}",runtime="{said("runtime", "unknown")}"}} 1'
        ],
    }
    if up and seen.checks:
        words[agent_families.CHECK] = [
            f'",plane="{plane}",result="{check.value}"}} 1' for plane, check in seen.checks.items()
        ]
    return words
