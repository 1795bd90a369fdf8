"""The agents' part of the exposition: lines are rendered when an agent changes, joined at scrape.

A scrape of 100,000 agents formats one number each (the age); everything else is text already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Final

from fleet.contract.quantise import gauge, is_counter, is_point
from fleet.domain.agent_view import AgentView
from fleet.domain.verdict import Verdict
from fleet.metrics import agent_families
from fleet.metrics.agent_families import FAMILIES, MAX_METRIC_NAMES, Family, metric_family

_UP: Final = frozenset({Verdict.OK, Verdict.DEGRADED, Verdict.LATE})
"""Verdicts of an agent that is heard. Of any other one (silent, gone, nobody's) there is nothing to
measure: its last numbers would stay for ever, and look like the present."""
Lookup = Callable[[str], AgentView]


class Exposition:
    """Text of every agent's series, kept by family so that a scrape only joins.

    `touch` is called with the name of each agent that changed, `align` with all that there are.
    """

    def __init__(self) -> None:
        self._lines: dict[Family, dict[str, str]] = {family: {} for family in FAMILIES}
        self._metric_families: dict[str, Family] = {}
        self._refused: set[str] = set()
        self._names: set[str] = set()
        self._of_agent: dict[str, tuple[Family, ...]] = {}
        self._shapes: dict[tuple[Family, ...], tuple[Family, ...]] = {}
        self._seen_at: dict[str, float] = {}
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
            self._forget(name)
        if gone:
            self._release_names()
        self._dirty &= names
        self._dirty |= names - self._of_agent.keys()

    def _forget(self, name: str) -> None:
        for family in self._of_agent.pop(name, ()):
            self._lines[family].pop(name, None)
        self._seen_at.pop(name, None)

    def _release_names(self) -> None:
        """Give back the places of metrics that only agents had who are gone now."""
        freed = {f for f in self._metric_families.values() if not self._lines[f]}
        if not freed:
            return
        for family in freed:
            del self._lines[family]
        kept = {n: f for n, f in self._metric_families.items() if f not in freed}
        self._metric_families = kept
        self._names = {sample for family in kept.values() for sample in family.sample_names}
        self._shapes = {s: s for s in self._shapes if freed.isdisjoint(s)}
        self._refused.clear()

    def render(self, lookup: Lookup, now: float, *, openmetrics: bool = False) -> str:
        """The text of all families that have a series, without `# EOF`."""
        for name in self._dirty:
            self._replace(lookup(name))
        self._dirty.clear()
        parts: list[str] = []
        for family, lines in self._lines.items():
            if family is agent_families.AGE:
                if self._seen_at:
                    parts += (family.header(openmetrics=openmetrics), self._ages(now))
            elif lines:
                parts.append(family.header(openmetrics=openmetrics))
                parts.extend(lines.values())
        return "".join(parts)

    def _ages(self, now: float) -> str:
        name = agent_families.AGE.name
        return "".join(
            [f'{name}{{agent="{a}"}} {now - seen:.3f}\n' for a, seen in self._seen_at.items()]
        )

    def _replace(self, view: AgentView) -> None:
        name = view.agent
        before = self._of_agent.get(name, ())
        if view.last_seen is None:
            self._seen_at.pop(name, None)
        else:
            self._seen_at[name] = view.last_seen
        rendered = list(self._rendered(view))
        for family, text in rendered:
            self._lines[family][name] = text
        now = tuple([family for family, _ in rendered])
        if now != before:
            for family in set(before) - set(now):
                self._lines[family].pop(name, None)
            # Most agents have the same families; one tuple then serves them all.
            self._of_agent[name] = self._shapes.setdefault(now, now)

    def _rendered(self, view: AgentView) -> Iterable[tuple[Family, str]]:
        # Names and label values are of closed patterns, so nothing needs escaping.
        agent, up = view.agent, view.state in _UP
        one = f'{{agent="{agent}"}} '
        yield agent_families.UP, f"fleet_agent_up{one}{int(up)}\n"
        yield agent_families.STATE, f'fleet_agent_state{{agent="{agent}",state="{view.state}"}} 1\n'
        yield (
            agent_families.INTERVAL,
            f"fleet_agent_interval_seconds{one}{_number(view.interval)}\n",
        )
        versions = view.versions or {}
        yield (
            agent_families.INFO,
            f'fleet_agent_info{{agent="{agent}",kind="{view.kind or "unknown"}",'
            f'version="{versions.get("agent", "unknown")}",'
            f'sidecar="{versions.get("sidecar", "unknown")}",'
            f'runtime="{versions.get("runtime", "unknown")}"}} 1\n',
        )
        if up:
            yield from self._measured(view, one)

    def _measured(self, view: AgentView, one: str) -> Iterable[tuple[Family, str]]:
        agent = view.agent
        if view.uptime is not None:
            yield agent_families.UPTIME, f"fleet_agent_uptime_seconds{one}{_number(view.uptime)}\n"
        if view.skew is not None:
            yield agent_families.SKEW, f"fleet_agent_clock_skew_seconds{one}{view.skew:.3f}\n"
        yield agent_families.MISSING, f"fleet_agent_missing_messages{one}{view.missing or 0}\n"
        if view.planes:
            yield (
                agent_families.CHECK,
                "".join(
                    f'fleet_agent_check{{agent="{agent}",plane="{p}",result="{v.check}"}} 1\n'
                    for p, v in view.planes.items()
                ),
            )
        for metric, value in view.metrics.items():
            family = self._metric_family(metric)
            if family is not None:
                yield family, f"{family.name}{one}{_number(_shown(metric, value))}\n"

    def _metric_family(self, name: str) -> Family | None:
        """The family of an agent's metric; None where it has no place in the exposition."""
        family = self._metric_families.get(name)
        if family is None and name not in self._refused:
            family = self._new_family(name)
        if family is None:
            self.metric_names_refused += 1
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
        self._lines[family] = {}
        return family


def _shown(metric: str, value: float) -> float:
    """A gauge has the digits that a dashboard shows, whoever sent it: who may read `/metrics` is
    not asked as closely as who may read the agents (ADR-0021)."""
    return value if is_counter(metric) or is_point(metric) else gauge(value)


def _number(value: float) -> float:
    """Whole numbers go without `.0`: they are most."""
    return int(value) if value == int(value) else value
