"""The agents' part of the exposition: their numbers are taken up when they change, and written when
somebody scrapes.

Agents whose lines differ in name and numbers alone are kept, and written, together (`Alike`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Set
from io import BytesIO

from fleet.domain.measured import Shown
from fleet.metrics.agent_families import FAMILIES, MAX_METRIC_NAMES, Family, metric_family
from fleet.metrics.alike import UP, Alike, Written, common

Lookup = Callable[[str], Shown]


class Exposition:
    """Every agent's numbers, and the text of all series.

    `look_at` is called with the name of each agent that changed, `align` with all that there are.
    """

    def __init__(self) -> None:
        self._alike: dict[Hashable, Alike] = {}
        self._of_agent: dict[str, Alike] = {}
        self._metric_families: dict[str, Family] = {}
        self._refused: set[str] = set()
        self._names: set[str] = set()
        self._dirty: dict[str, None] = {}
        self.metric_names_refused = 0

    def look_at(self, names: Iterable[str]) -> None:
        """These agents changed since the last scrape."""
        self._dirty.update(dict.fromkeys(names))

    def align(self, names: Set[str]) -> None:
        """There are these agents and no other: who was revoked is gone with all series, who is
        enrolled and was never heard has its own."""
        gone = self._of_agent.keys() - names
        for name in gone:
            self._leave(name, self._of_agent.pop(name))
        if gone:
            self._release_names()
        self._dirty = {name: None for name in self._dirty if name in names}
        self.look_at(names - self._of_agent.keys())

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
            alike.take_nobody()
            self._alike[alike.key] = alike

    def refresh(self, lookup: Lookup) -> None:
        """Take up what those say now who changed."""
        of_agent, refused = self._of_agent, 0
        for name in self._dirty:
            seen = lookup(name)
            alike = of_agent.get(name)
            if alike is None or not alike.take(seen):
                alike = self._move(seen, alike)
            refused += alike.lacks
        self._dirty = {}
        self.metric_names_refused += refused

    def _move(self, seen: Shown, before: Alike | None) -> Alike:
        """Take an agent up among those that it is alike now."""
        key = common(seen)
        alike = self._alike.get(key)
        if alike is None:
            alike = self._alike[key] = Alike(key, seen, self._placed(seen))
        alike.take(seen)
        if before is not None:
            self._leave(seen.agent, before)
        self._of_agent[seen.agent] = alike
        return alike

    def write(self, page: BytesIO, now: float, *, openmetrics: bool = False) -> None:
        """The text of all families that have a series, without `# EOF`."""
        having: dict[Family, list[Written]] = {}
        for alike in self._alike.values():
            written = alike.written(now)
            for family in alike.families:
                having.setdefault(family, []).append(written)
        for family in (*FAMILIES, *self._metric_families.values()):
            if family in having:
                page.write(family.header(openmetrics=openmetrics).encode())
                for written in having[family]:
                    page.writelines(lines.encode() for lines in written.lines(family))

    def _placed(self, seen: Shown) -> dict[str, Family]:
        """Those of an agent's metrics that have a place in the exposition."""
        if seen.state not in UP:
            return {}
        found = ((name, self._metric_family(name)) for name in seen.metrics)
        return {name: family for name, family in found if family is not None}

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
