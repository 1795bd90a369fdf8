"""The worst of a fleet and the rest in numbers, for commands that show no more: a hub that knows
100,000 agents tells it in the room of a page.

What is on a page, and what is counted beside it, is the same whether the hub cut it or this does,
of the whole answer: that of an earlier release, of a broker without a hub, or of a choice that no
question to a hub can make. Only that of those whom it left out a hub tells as of its last tick, a
second ago at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleet.domain.agent_view import AgentView, view_from, worst_first
from fleet.domain.problems import HUB, ExitCode, Problem
from fleet.domain.tally import EVERY, Facts, Found, Tally, tally_of, word_of
from fleet.domain.verdict import Verdict, badness
from fleet.fleet_state import (
    NOTES,
    REPLACED_CODES,
    FleetState,
    codes_of_now,
    note_of,
    own_site,
)
from fleet.hub_client import HubClient

MOST: Final = 1_000
"""Agents, and problems, of a page; `MAX_LISTED` of the hub's interface. A fleet of so many is shown
whole, and of a larger one nobody reads more of a table."""

_NOTED: Final = frozenset({*map(str, NOTES), *map(str, REPLACED_CODES)})

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

    @property
    def exit_code(self) -> ExitCode:
        """Of all agents, whatever is on this page."""
        return self.found.exit_code(self.own)

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
    return FleetPage(state.views[:most], list(found.worst), found, state.own, state.note)


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
        if answer["next"] is None:  # all are here, as they are now: what a tick counted is older
            found = _counted(views, {item["agent"]: item["problems"] for item in items})
        else:
            found = Found.of(answer["found"], answer["problems"])
        of_hubs = [Problem.of(problem) for problem in answer["hub"]]
        note = note_of(answer, _codes(hub, of_hubs))
        return FleetPage(views, list(found.worst), found, own(of_hubs, own_site(answer)), note)


def _counted(views: Iterable[AgentView], wrong: Mapping[str, Iterable[Mapping[str, Any]]]) -> Found:
    """`views` in the order of a table; `wrong`: what the hub says of each by name, worst first."""
    tally = Tally(EVERY)
    for place, view in enumerate(views):
        problems = tuple(map(Problem.of, wrong[view.agent]))
        word = word_of(view.state, problems, goodbye=view.goodbye)
        tally.add(view.agent, Facts(view.state, word, problems), place=(place, view.agent))
    return tally.found()


def _codes(hub: HubClient, of_hubs: Iterable[Problem]) -> set[str]:
    """What the hub says of itself this moment, of what a note is made of. What flaps may be over
    just now: of that its alerts are asked."""
    told = [one for one in of_hubs if one.agent == HUB and not one.site and one.code in _NOTED]
    codes = {one.code for one in told if not one.flapping}
    for code in (one.code for one in told if one.flapping):
        codes |= codes_of_now(hub.get(f"/v1/alerts?code={code}")["alerts"])
    return codes
