"""What the HTTP interface tells of agents: of the hub's own, or of those of every site."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fleet.api.agent_query import AgentPage, AgentQuery, choose, narrowed
from fleet.api.backend import JsonObject
from fleet.api.cooperative import SLICE, as_json, in_slices
from fleet.api.shared_names import SharedNames
from fleet.contract.vocabulary import Severity
from fleet.domain.agent_view import AgentView
from fleet.domain.problems import HUB as THE_HUB
from fleet.domain.problems import Problem, described, problems_of
from fleet.domain.tally import EVERY, Found, Tally
from fleet.domain.verdict import Verdict
from fleet.hub.committer import HUB
from fleet.hub.examination import Examination
from fleet.store.sites import SUBJECT

if TYPE_CHECKING:
    from fleet.hub.hub import Hub


class Shown(NamedTuple):
    """A hub whose alerts and silences are shown.

    Attributes:
        site: its name; empty: the own one.
        alone: only what it says of itself holds: nothing is known of its agents now.
    """

    site: str
    hub: Hub
    alone: bool = False


class Row(NamedTuple):
    """An agent on a list.

    Attributes:
        text: what is told of it, as JSON: of 100,000 a tenth of what the same takes as objects.
    """

    name: str
    text: bytes


class Lists(Protocol):
    """What a hub tells of agents and alerts; nobody who asks need know of how many sites."""

    async def agents(self, wanted: AgentQuery) -> tuple[list[Row], AgentPage]: ...

    async def problems(self, limit: int | None, site: str | None = None) -> list[JsonObject]: ...

    async def found(self, wanted: AgentQuery) -> tuple[list[JsonObject], Found]:
        """The worst problems of all whom `wanted` is about, whatever is on its page, as many as its
        limit; and those agents and problems counted."""
        ...

    def of_hubs(self) -> list[JsonObject]:
        """Those of `problems` that are a hub's own, or a site's."""
        ...

    def agent(self, name: str) -> JsonObject | None: ...

    def hub_of(self, agent: str | None) -> Hub:
        """Where what is stored of an agent can be read; of nobody in particular: the own one."""
        ...

    def hubs(self) -> list[Hub]:
        """Whose news are told."""
        ...

    def shown(self) -> list[Shown]:
        """Whose alerts and silences are shown."""
        ...


class AgentLists:
    """Of one hub. `lost`: it is of a site of which nothing is known now; `hub_speaks`: but for what
    its hub says of itself."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.lost = False
        self.hub_speaks = True

    def choose(self, wanted: AgentQuery, hidden: Set[str] = frozenset()) -> AgentPage:
        """`hidden`: names that are not told.

        Raises:
            ValueError: the cursor is none of ours.
        """
        return choose(self.hub.roster, wanted, Verdict.UNKNOWN if self.lost else None, hidden)

    async def rows(self, names: Sequence[str], wanted: AgentQuery) -> list[Row]:
        if wanted.brief:
            return await in_slices(names, self._brief)
        now = self.hub.committer.now()
        found = await in_slices(names, lambda name: self._row(name, now, wanted))
        return [row for _, row in sorted(found) if self.hub.roster.knows(row.name)]

    def _brief(self, name: str) -> Row:
        state = Verdict.UNKNOWN if self.lost else self.hub.roster.verdict(name)
        of = {"site": site} if (site := self.hub.settings.site) else {}
        return Row(name, as_json({"agent": name, "state": state.value, **of}))

    def _row(self, name: str, now: float, wanted: AgentQuery) -> tuple[tuple[int, str], Row]:
        """Behind its place among others."""
        view = self._view(name, now)
        return wanted.place(view.state, name), Row(name, as_json(described(view)))

    async def agents(self, wanted: AgentQuery) -> tuple[list[Row], AgentPage]:
        page = self.choose(wanted)
        return await self.rows(page.names, wanted), page

    def _view(self, name: str, now: float) -> AgentView:
        view, site = self.hub.read_model.view(name, now), self.hub.settings.site
        if self.lost:
            return replace(
                view, state=Verdict.UNKNOWN, alerts=(), severities={}, flapping=frozenset(),
                planes={}, ok=None, says=None, goodbye=False, site=site, site_lost=True,
            )  # fmt: skip
        return replace(view, site=site) if site else view

    async def problems(self, limit: int | None, _site: str | None = None) -> list[JsonObject]:
        model, now = self.hub.read_model, self.hub.committer.now()
        suspects, found, waiting = model.suspects(), list[Problem](), list[_Place]()
        for start in range(0, len(suspects), SLICE):
            await _settle(waiting, found, limit, suspects[start])
            if len(found) == limit:
                break  # whatever the others have comes behind these
            names = [name for _, name in suspects[start : start + SLICE] if self._is_there(name)]
            for one in problems_of(await in_slices(names, lambda name: model.view(name, now))):
                heapq.heappush(waiting, (-one.severity.rank, one.agent, one.code, one))
        await _settle(waiting, found, limit)
        of_agents = await in_slices(found, lambda one: self.with_acknowledger(one, one.agent))
        return [*self.of_hubs(), *of_agents][:limit]

    def _is_there(self, name: str) -> bool:
        """Who was revoked while others were looked at is gone, and no ghost; a stranger of whom
        something fires is none of those."""
        hub = self.hub
        return hub.roster.knows(name) or bool(hub.committer.book.firing_of(name))

    async def found(self, wanted: AgentQuery) -> tuple[list[JsonObject], Found]:
        tally = Tally(wanted.limit or EVERY)
        await self.count(wanted, tally)
        found = tally.found()
        return [self.with_acknowledger(one, one.agent) for one in found.worst], found

    async def count(
        self,
        wanted: AgentQuery,
        tally: Tally,
        hidden: Set[str] = frozenset(),
        site: str = "",
    ) -> None:
        """Add all whom `wanted` is about, but who is `hidden`, to a tally. Whom time alone made
        late since the last tick, a second ago at most, the next one tells."""
        lost = Verdict.UNKNOWN if self.lost else None
        parts = narrowed(self.hub.roster, wanted, lost, hidden)
        committer = self.hub.committer
        examination = Examination(committer, self.hub.read_model, committer.now())
        suspects: list[str] = []
        for state, names in parts.items():
            doubtful = () if self.lost else examination.doubtful(state, names)
            suspects += doubtful
            among = set(doubtful)
            tally.add_alike([name for name in names if name not in among], state)

        def add(name: str) -> None:
            if not self.hub.roster.knows(name):
                return  # it was revoked meanwhile
            facts = examination.facts(name)
            if not wanted.states or facts.state in wanted.states:
                tally.add(name, facts, site=site)

        await in_slices(suspects, add)

    def of_hubs(self) -> list[JsonObject]:
        own = self.hub.read_model.own_problems()
        return [
            self.with_acknowledger(one, HUB if one.agent == THE_HUB else one.agent) for one in own
        ]

    def with_acknowledger(self, problem: Problem, agent: str) -> JsonObject:
        alert = self.hub.committer.book.firing_of(agent).get(problem.code)
        by = alert.acknowledged_by if alert else ""
        return problem.as_dict() | {"acknowledged_by": by or None}

    def agent(self, name: str) -> JsonObject | None:
        if not self.hub.roster.knows(name):
            return None
        return described(self._view(name, self.hub.committer.now()))

    def hub_of(self, _agent: str | None) -> Hub:
        return self.hub

    def hubs(self) -> list[Hub]:
        return [self.hub]

    def shown(self) -> list[Shown]:
        return [Shown("", self.hub)]


class SiteLists:
    """Of the hub's own site and all others, in one order. `others` may grow."""

    def __init__(self, own: AgentLists, others: Sequence[AgentLists]) -> None:
        self._own = own
        self._others = others
        self._shared = SharedNames()

    async def agents(self, wanted: AgentQuery) -> tuple[list[Row], AgentPage]:
        reach = None if wanted.limit is None else wanted.offset + wanted.limit
        each = replace(wanted, offset=0, limit=reach)
        of = self._of(wanted)
        parts = [(one, one.choose(each, hidden)) for one, hidden in of]
        places = heapq.merge(
            *(
                [(*wanted.place(page.verdicts[name], name), number) for name in page.names]
                for number, (_, page) in enumerate(parts)
            )
        )
        rest = islice(places, wanted.offset, None)
        chosen = list(islice(rest, wanted.limit))
        rows: dict[tuple[int, str], Row] = {}
        for number, (one, _) in enumerate(parts):
            names = [name for _, name, of in chosen if of == number]
            for row in await one.rows(names, wanted):
                rows[number, row.name] = row
        more = next(rest, None) is not None or any(page.next for _, page in parts)
        counts: Counter[str] = Counter()
        for _, page in parts:
            counts.update(page.counts)
        verdicts = {name: parts[of][1].verdicts[name] for _, name, of in chosen}
        last = chosen[-1][1] if chosen else ""
        page = AgentPage(
            [name for _, name, _ in chosen],
            sum(page.total for _, page in parts),
            wanted.cursor_at(verdicts[last], last) if more and chosen else None,
            dict(counts),
            verdicts,
        )
        return [rows[of, name] for _, name, of in chosen if (of, name) in rows], page

    def _of(self, wanted: AgentQuery) -> list[tuple[AgentLists, Set[str]]]:
        """Those that are asked, and which names of each one before it tells."""
        every = [self._own, *self._others]
        of = [one for one in every if wanted.site in (None, one.hub.settings.site)]
        return list(zip(of, self._shared.of([one.hub.roster for one in of]), strict=True))

    async def problems(self, limit: int | None, site: str | None = None) -> list[JsonObject]:
        """`site`: of that one alone, and that it is lost, whoever tells it."""
        found: list[JsonObject] = []
        for one in (self._own, *self._others):  # they may change meanwhile
            here = one.hub.settings.site
            told = one.of_hubs() if one.lost else await one.problems(limit)
            if site not in (None, here):
                told = [problem for problem in told if problem["agent"] == f"{SUBJECT}{site}"]
            if one is self._own:
                found += told
            elif one.hub_speaks:
                found += [problem | {"site": here} for problem in told]
        return sorted(found, key=_of_hubs_first)[:limit]

    async def found(self, wanted: AgentQuery) -> tuple[list[JsonObject], Found]:
        tally, of = Tally(wanted.limit or EVERY), self._of(wanted)
        for one, hidden in of:
            site = "" if one is self._own else one.hub.settings.site
            await one.count(wanted, tally, hidden, site)
        found = tally.found()
        teller = {"" if one is self._own else one.hub.settings.site: one for one, _ in of}
        worst = [teller[one.site].with_acknowledger(one, one.agent) for one in found.worst]
        return worst, found

    def of_hubs(self) -> list[JsonObject]:
        found = self._own.of_hubs()
        for one in self._others:
            site = {"site": one.hub.settings.site}
            found += [problem | site for problem in one.of_hubs() if one.hub_speaks]
        return sorted(found, key=_of_hubs_first)

    def agent(self, name: str) -> JsonObject | None:
        return next(filter(None, (one.agent(name) for one in self._owners(name))), None)

    def _owners(self, name: str) -> Iterable[AgentLists]:
        return (one for one in (self._own, *self._others) if one.hub.roster.knows(name))

    def hub_of(self, agent: str | None) -> Hub:
        owner = None if agent is None else next(iter(self._owners(agent)), None)
        return (owner or self._own).hub

    def hubs(self) -> list[Hub]:
        return [one.hub for one in (self._own, *self._others)]

    def shown(self) -> list[Shown]:
        speak = [one for one in self._others if one.hub_speaks]
        others = [Shown(one.hub.settings.site, one.hub, one.lost) for one in speak]
        return [Shown("", self._own.hub), *others]


_Place = tuple[int, str, str, Problem]
"""A problem behind its place: no agent has two of one severity and code."""


async def _settle(
    waiting: list[_Place],
    found: list[Problem],
    limit: int | None,
    before: tuple[int, str] | None = None,
) -> None:
    """Move from the heap `waiting` into `found`, as far as `limit`, what comes `before` all that is
    still to come; None: nothing is. Others have their turn after each slice."""
    while waiting and len(found) != limit and (before is None or waiting[0][:2] < before):
        found.append(heapq.heappop(waiting)[-1])
        if len(found) % SLICE == 0:
            await asyncio.sleep(0)


def _of_hubs_first(problem: JsonObject) -> tuple[bool, int, str]:
    """What is wrong with a hub or a site, then with agents, the worst first."""
    agent = problem["agent"]
    of_hub = agent == THE_HUB or agent.startswith(SUBJECT)
    return not of_hub, -Severity(problem["severity"]).rank, agent
