"""The agents' part of the exposition: their numbers are taken up when they change, and written when
somebody scrapes.

Agents whose lines differ in name and numbers alone are kept, and written, together (`Alike`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Set
from typing import Final

from fleet.contract.quantise import is_counter, is_point
from fleet.domain.measured import Shown
from fleet.domain.verdict import Verdict
from fleet.metrics import agent_families
from fleet.metrics.agent_families import FAMILIES, MAX_METRIC_NAMES, Family, metric_family
from fleet.metrics.alike import Alike, Column
from fleet.metrics.number_texts import shown_gauge, thousandths

_UP: Final = frozenset({Verdict.OK, Verdict.DEGRADED, Verdict.LATE})
"""Verdicts of an agent that is heard. Of any other one (silent, gone, nobody's) there is nothing to
measure: its last numbers would stay for ever, and look like the present."""

Lookup = Callable[[str], Shown]


class Exposition:
    """Every agent's numbers, and the text of all series.

    `touch` is called with the name of each agent that changed, `align` with all that there are.
    """

    def __init__(self) -> None:
        self._alike: dict[Hashable, Alike] = {}
        self._of_agent: dict[str, Alike] = {}
        self._metric_families: dict[str, Family] = {}
        self._refused: set[str] = set()
        self._names: set[str] = set()
        self._dirty: set[str] = set()
        self.metric_names_refused = 0

    def touch(self, names: Iterable[str]) -> None:
        """These agents changed since the last scrape."""
        self._dirty.update(names)

    def align(self, names: Set[str]) -> None:
        """There are these agents and no other: who was revoked is gone with all series, who is
        enrolled and was never heard has its own."""
        gone = self._of_agent.keys() - names
        for name in gone:
            self._leave(name, self._of_agent.pop(name))
        if gone:
            self._release_names()
        self._dirty &= names
        self._dirty |= names - self._of_agent.keys()

    def _leave(self, name: str, alike: Alike) -> None:
        del alike.rows[name]
        if not alike.rows:
            del self._alike[alike.key]

    def _release_names(self) -> None:
        """Give back the places of metrics that only agents had who are gone now."""
        used = set[Family]().union(*(alike.families for alike in self._alike.values()))
        kept = {name: f for name, f in self._metric_families.items() if f in used}
        if len(kept) == len(self._metric_families):
            return
        self._metric_families = kept
        self._names = {sample for family in kept.values() for sample in family.sample_names}
        self._refused.clear()
        for alike in [one for one in self._alike.values() if one.lacks]:
            # Whoever is like them from now on may have a place for what they lack.
            del self._alike[alike.key]
            alike.key = object()
            self._alike[alike.key] = alike

    def render(self, lookup: Lookup, now: float, *, openmetrics: bool = False) -> str:
        """The text of all families that have a series, without `# EOF`."""
        return "".join(self.texts(lookup, now, openmetrics=openmetrics))

    def texts(self, lookup: Lookup, now: float, *, openmetrics: bool = False) -> Iterator[str]:
        """The same in parts, so that it need not be there twice."""
        for name in self._dirty:
            self._enter(lookup(name))
        self._dirty = set()
        lines: dict[Family, list[str]] = {}
        for alike in self._alike.values():
            for family, text in alike.lines(now).items():
                lines.setdefault(family, []).append(text)
        for family in (*FAMILIES, *self._metric_families.values()):
            if family in lines:
                yield family.header(openmetrics=openmetrics)
                yield "".join(lines.pop(family))

    def _enter(self, seen: Shown) -> None:
        """Take up what an agent says now."""
        state, versions, metrics = seen.state, seen.versions, seen.metrics
        up = state in _UP
        said = tuple(versions.items()) if versions else ()
        key: Hashable = (
            (state, seen.kind, said, seen.last_seen is None, seen.uptime is None,
             seen.skew is None, tuple(seen.checks.items()), tuple(metrics))
            if up
            else (state, seen.kind, said, seen.last_seen is None)
        )  # fmt: skip
        alike = self._alike.get(key)
        if alike is None:
            alike = self._alike[key] = self._new(key, seen)
        before = self._of_agent.get(seen.agent)
        if before is not alike:
            if before is not None:
                self._leave(seen.agent, before)
            self._of_agent[seen.agent] = alike
        self.metric_names_refused += alike.lacks
        alike.enter(seen.agent, _numbers(seen, alike) if up else _known(seen))

    def _new(self, key: Hashable, seen: Shown) -> Alike:
        """For agents that say the same as this one."""
        up = seen.state in _UP
        words = _words(seen, up=up)
        columns = [Column(agent_families.INTERVAL)]
        if seen.last_seen is not None:
            columns.append(Column(agent_families.AGE, thousandths))
        if not up:
            return Alike(key, words, columns)
        columns.append(Column(agent_families.MISSING))
        if seen.uptime is not None:
            columns.append(Column(agent_families.UPTIME))
        if seen.skew is not None:
            columns.append(Column(agent_families.SKEW, thousandths))
        metrics = []
        for name in seen.metrics:
            family = self._metric_family(name)
            if family is not None:
                columns.append(Column(family))
                metrics.append((name, is_counter(name) or is_point(name)))
        return Alike(key, words, columns, metrics, len(seen.metrics) - len(metrics))

    def _metric_family(self, name: str) -> Family | None:
        """The family of an agent's metric; None where it has no place in the exposition."""
        family = self._metric_families.get(name)
        if family is None and name not in self._refused:
            family = self._new_family(name)
        return family

    def _new_family(self, name: str) -> Family | None:
        family = metric_family(name)
        full = len(self._metric_families) >= MAX_METRIC_NAMES
        if full or not self._names.isdisjoint(family.sample_names):
            if len(self._refused) < MAX_METRIC_NAMES:
                self._refused.add(name)
            return None
        self._names |= family.sample_names
        self._metric_families[name] = family
        return family


def _known(seen: Shown) -> list[float]:
    """The numbers of an agent as long as the hub knows it, in the order of its columns."""
    return [seen.interval] if seen.last_seen is None else [seen.interval, seen.last_seen]


def _numbers(seen: Shown, alike: Alike) -> list[float]:
    """Those of one that is heard."""
    numbers = [*_known(seen), seen.missing or 0]
    if seen.uptime is not None:
        numbers.append(seen.uptime)
    if seen.skew is not None:
        numbers.append(seen.skew)
    metrics = seen.metrics
    for name, exact in alike.metrics:
        numbers.append(metrics[name] if exact else shown_gauge(metrics[name]))
    return numbers


def _words(seen: Shown, *, up: bool) -> dict[Family, list[str]]:
    """What follows the name in lines that have no number of their own."""
    said = (seen.versions or {}).get
    words = {
        agent_families.UP: [f'"}} {int(up)}\n'],
        agent_families.STATE: [f'",state="{seen.state.value}"}} 1\n'],
        agent_families.INFO: [
            f'",kind="{seen.kind or "unknown"}",version="{said("agent", "unknown")}",'
            f'sidecar="{said("sidecar", "unknown")}",runtime="{said("runtime", "unknown")}"}} 1\n'
        ],
    }
    if up and seen.checks:
        words[agent_families.CHECK] = [
            f'",plane="{plane}",result="{check.value}"}} 1\n'
            for plane, check in seen.checks.items()
        ]
    return words
