"""The worst of a fleet and the rest in numbers, for commands that show no more: a hub that knows
100,000 agents tells it in the room of a page.

What is on a page, and what is counted beside it, is the same whether the hub cut it or this does,
of the whole answer: that of an earlier release, of a broker without a hub, or of a choice that no
question to a hub can make. Only that of those whom it left out a hub tells as of its last tick, a
second ago at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from fleet.domain.agent_view import AgentView, view_from, worst_first
from fleet.domain.problems import ExitCode, Problem, problems_of
from fleet.domain.tally import EVERY, Facts, Found, Tally, tally_of, word_of
from fleet.domain.verdict import Verdict, badness
from fleet.fleet_state import (
    FleetState,
    asked_of_hub,
    note_of,
    of_broker,
    own_codes,
    own_site,
    told_by,
)
from fleet.hub_client import HubClient
from fleet.settings import Settings

MOST: Final = 1_000
"""Agents, and problems, of a page; `MAX_LISTED` of the hub's interface. A fleet of so many is shown
whole, and of a larger one nobody reads more of a table."""

MOST_NAMED: Final = 50
"""Agents that one question names: the line of a request is not for more."""

Own = Callable[[Sequence[Problem], str], list[Problem]]
"""What is wrong with hubs, and of which site the asked one is: what of it is meant."""


@dataclass(frozen=True, slots=True)
class FleetPage:
    """The worst agents first; `own` is what is wrong with the hubs themselves, `problems` the worst
    of what is wrong with agents, on this page or not; `found` counts all of them; `note` says in a
    line what is not known, or is empty."""

    views: list[AgentView]
    problems: list[Problem]
    found: Found
    own: list[Problem]
    note: str = ""
    wrong: Mapping[str, Sequence[Problem]] = field(default_factory=dict)
    """What is wrong with each of `views`, by name."""

    @property
    def exit_code(self) -> ExitCode:
        """Of all agents, whatever is on this page."""
        return self.found.exit_code(self.own)

    @property
    def more(self) -> str:
        """How many agents are not on this page, in words; empty: all are."""
        more = self.more_agents
        count, states = sum(more.values()), ", ".join(f"{n} {of.value}" for of, n in more.items())
        return f"{count} more agent{'s' if count > 1 else ''}: {states}" if count else ""

    @property
    def more_problems(self) -> int:
        """Problems of agents that are not among `problems`."""
        return max(0, self.found.problems - len(self.problems))

    @property
    def more_agents(self) -> dict[Verdict, int]:
        """Agents by state that are not on this page, worst first."""
        left = Counter(dict(self.found.states)) - Counter(view.state for view in self.views)
        return dict(sorted(left.items(), key=lambda item: -badness(item[0])))


def page_of(state: FleetState, most: int = MOST) -> FleetPage:
    """The page that a hub would tell of such a fleet."""
    whole = len(state.views) <= most
    found = tally_of(state.views, EVERY if whole else most).found()
    views = state.views[:most]
    wrong = {view.agent: problems_of([view]) for view in views}
    return FleetPage(views, list(found.worst), found, state.own, state.note, wrong)


async def look(settings: Settings, of: Narrowed | None = None, most: int = MOST) -> FleetPage:
    """The worst `most` of the fleet as it is now, or of those that are asked for.

    Raises:
        HubError: the hub that the settings name is away or refuses.
        BrokerError: no hub serves, and the broker is away or refuses.
    """
    import asyncio

    wanted = of or Narrowed()

    def ask(hub: HubClient) -> FleetPage:
        query = wanted.query
        page = query is not None and asked_page(hub, query, most, wanted.own, wanted.means)
        return page or page_of(wanted.among(told_by(hub)), most)

    page, why = await asyncio.to_thread(asked_of_hub, settings, ask)
    return page or page_of(wanted.among(await of_broker(settings, why)), most)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Of whom a page is asked for; an empty word, and no name, is anybody."""

    agents: Collection[str] = ()
    group: str = ""
    state: str = ""
    text: str = ""
    """Part of a name, or of a state's word."""

    @property
    def query(self) -> str | None:
        """What a hub is asked; None: it takes not so many names."""
        words = {"member": self.group, "state": self.state, "q": self.text}
        given = [(field, word) for field, word in words.items() if word]
        named = [("agent", name) for name in sorted(self.agents)]
        return urlencode([*named, *given]) if len(named) <= MOST_NAMED else None

    def means(self, view: AgentView) -> bool:
        return (
            (not self.agents or view.agent in self.agents)
            and (not self.group or self.group in view.member_of)
            and self.state in ("", view.state)
            and self.text.strip().lower() in f"{view.agent} {view.state}"
        )

    def own(self, problems: Sequence[Problem], _site: str = "") -> list[Problem]:
        """What is wrong with hubs, where everybody is asked for."""
        return [] if self.agents or self.group or self.state or self.text else list(problems)

    def among(self, state: FleetState) -> FleetState:
        views = [view for view in state.views if self.means(view)]
        return replace(state, views=views, own=self.own(state.own))


def asked_page(
    hub: HubClient,
    query: str,
    most: int,
    own: Own = lambda problems, _: list(problems),
    means: Callable[[AgentView], bool] = lambda _: True,
) -> FleetPage | None:
    """What the hub tells of the agents of a `query`; None: it is of a release that tells no page,
    or has no sites where one is asked for. `means`: whether an agent, as it is now, is meant; the
    hub chose by its last tick.

    Raises:
        HubError: it is away or refuses.
    """
    answer = hub.get(f"/v1/agents?found=true&limit={most}{'&' if query else ''}{query}")
    with hub.reading():
        if "found" not in answer or ("site=" in query and "sites" not in answer):
            return None
        items = answer["agents"]
        views = [view for view in worst_first(map(view_from, items)) if means(view)]
        wrong = {item["agent"]: [*map(Problem.of, item["problems"])] for item in items}
        if answer["next"] is None:  # all are here, as they are now: what a tick counted is older
            found = _counted(views, wrong)
        else:
            found = Found.of(answer["found"], answer["problems"])
        of_hubs = [Problem.of(problem) for problem in answer["hub"]]
        note = note_of(answer, own_codes(hub, of_hubs))
        told = own(of_hubs, own_site(answer))
        return FleetPage(views, list(found.worst), found, told, note, wrong)


def _counted(views: Iterable[AgentView], wrong: Mapping[str, Iterable[Problem]]) -> Found:
    """`views` in the order of a table; `wrong`: what the hub says of each by name, worst first."""
    tally = Tally(EVERY)
    for place, view in enumerate(views):
        problems = tuple(wrong[view.agent])
        word = word_of(view.state, problems, goodbye=view.goodbye)
        tally.add(view.agent, Facts(view.state, word, problems), place=(place, view.agent))
    return tally.found()
