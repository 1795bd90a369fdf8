"""The agents' part of the exposition: lines are rendered when an agent changes, joined at scrape.

A scrape of 100,000 agents formats one number each (the age); everything else is text already.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from typing import Final

from fleet.contract.quantise import is_counter, is_point
from fleet.domain.agent_view import AgentView
from fleet.domain.verdict import Verdict
from fleet.metrics import agent_families
from fleet.metrics.agent_families import FAMILIES, MAX_METRIC_NAMES, Family, metric_family
from fleet.metrics.number_texts import gauge_texts, number_texts, thousandths

_UP: Final = frozenset({Verdict.OK, Verdict.DEGRADED, Verdict.LATE})
"""Verdicts of an agent that is heard. Of any other one (silent, gone, nobody's) there is nothing to
measure: its last numbers would stay for ever, and look like the present."""
Lookup = Callable[[str], AgentView]

AT_ONCE: Final = 1_000
"""Agents rendered together: their numbers of a family become text in one call."""


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
        dirty = list(self._dirty)
        for start in range(0, len(dirty), AT_ONCE):
            self._replace(list(map(lookup, dirty[start : start + AT_ONCE])))
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
        ages = thousandths([now - seen for seen in self._seen_at.values()])
        head = f'{agent_families.AGE.name}{{agent="'
        lines = zip(self._seen_at, ages, strict=True)
        return "".join([f'{head}{name}"}} {age}\n' for name, age in lines])

    def _replace(self, views: Sequence[AgentView]) -> None:
        """Render agents anew, together those that have the same series."""
        alike: dict[Hashable, list[AgentView]] = {}
        for view in views:
            shape = view.state in _UP and (
                view.uptime is None, view.skew is None, not view.planes, *view.metrics,
            )  # fmt: skip
            alike.setdefault(shape, []).append(view)
        for group in alike.values():
            self._enter([view.agent for view in group], self._rendered(group))
        for view in views:
            if view.last_seen is None:
                self._seen_at.pop(view.agent, None)
            else:
                self._seen_at[view.agent] = view.last_seen

    def _enter(self, names: list[str], rendered: Mapping[Family, Iterable[str]]) -> None:
        for family, lines in rendered.items():
            self._lines[family].update(zip(names, lines, strict=True))
        # Most agents have the same families; one tuple then serves them all.
        now = tuple(rendered)
        now = self._shapes.setdefault(now, now)
        for name in names:
            before = self._of_agent.get(name, now)
            if before is not now:
                for family in set(before) - set(now):
                    self._lines[family].pop(name, None)
            self._of_agent[name] = now

    def _rendered(self, views: Sequence[AgentView]) -> dict[Family, Iterable[str]]:
        """The lines of agents that have the same series, by family."""
        up = views[0].state in _UP
        found: dict[Family, Iterable[str]] = {
            agent_families.UP: _lines(agent_families.UP, views, [str(int(up))] * len(views)),
            agent_families.STATE: [
                f'fleet_agent_state{{agent="{view.agent}",state="{view.state.value}"}} 1\n'
                for view in views
            ],
            agent_families.INTERVAL: _lines(
                agent_families.INTERVAL, views, number_texts([view.interval for view in views])
            ),
            agent_families.INFO: map(_info, views),
        }
        return found | self._measured(views) if up else found

    def _measured(self, views: Sequence[AgentView]) -> dict[Family, Iterable[str]]:
        missing = number_texts([view.missing or 0 for view in views])
        found: dict[Family, Iterable[str]] = {
            agent_families.MISSING: _lines(agent_families.MISSING, views, missing)
        }
        uptimes = [view.uptime for view in views if view.uptime is not None]
        if uptimes:
            texts = number_texts(uptimes)
            found[agent_families.UPTIME] = _lines(agent_families.UPTIME, views, texts)
        skews = [view.skew for view in views if view.skew is not None]
        if skews:
            found[agent_families.SKEW] = _lines(agent_families.SKEW, views, thousandths(skews))
        if views[0].planes:
            found[agent_families.CHECK] = map(_checks, views)
        for metric in views[0].metrics:
            family = self._metric_family(metric)
            if family is None:
                self.metric_names_refused += len(views)
            else:
                texts = _shown(metric)([view.metrics[metric] for view in views])
                found[family] = _lines(family, views, texts)
        return found

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
        self._lines[family] = {}
        return family


def _lines(family: Family, views: Iterable[AgentView], texts: Iterable[str]) -> list[str]:
    head = f'{family.name}{{agent="'
    return [f'{head}{v.agent}"}} {text}\n' for v, text in zip(views, texts, strict=True)]


def _info(view: AgentView) -> str:
    said = (view.versions or {}).get
    return (
        f'fleet_agent_info{{agent="{view.agent}",kind="{view.kind or "unknown"}",'
        f'version="{said("agent", "unknown")}",sidecar="{said("sidecar", "unknown")}",'
        f'runtime="{said("runtime", "unknown")}"}} 1\n'
    )


def _checks(view: AgentView) -> str:
    head = f'fleet_agent_check{{agent="{view.agent}",plane="'
    return "".join([
        f'{head}{plane}",result="{seen.check.value}"}} 1\n' for plane, seen in view.planes.items()
    ])  # fmt: skip


def _shown(metric: str) -> Callable[[Sequence[float]], list[str]]:
    """How a metric's numbers are written."""
    return number_texts if is_counter(metric) or is_point(metric) else gauge_texts
