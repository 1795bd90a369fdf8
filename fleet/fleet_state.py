"""The fleet as every door outside the hub sees it: the hub's own read model, where a hub serves.

Without one the same roster judges what the broker retains, and says what it cannot know so.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fleet.contract.vocabulary import AlertState, HubAlertCode
from fleet.domain.agent_view import AgentView, view_from, worst_first
from fleet.domain.apply_silences import apply_silences
from fleet.domain.problems import HUB, ExitCode, Problem, exit_code, problems_of
from fleet.domain.silences import Silence
from fleet.hub_client import HubClient, HubError
from fleet.hub_names import names_of
from fleet.settings import Settings

T = TypeVar("T")

ALONE: Final = "from the broker alone: ghosts, silences and clock skew are not known"
BEHIND: Final = "this machine's clock is behind the agents': their ages are not known"
DEAF: Final = "the hub has no link to the broker: this is what it knew before"
OVERLOADED: Final = "the hub cannot keep up: who falls silent now is not seen"
REPLACED: Final = "another hub holds this broker: this is what this one knew before"

NOTES: Final[Mapping[str, str]] = {
    HubAlertCode.BROKER_DOWN: DEAF,
    HubAlertCode.HUB_DEAF: OVERLOADED,
}
"""What the alerts of a hub mean for what it tells."""

PAGE: Final = 1_000
"""Agents that are asked for at a time, as many as a hub tells: some 100 ms of it."""

REPLACED_CODES: Final = {HubAlertCode.BROKER_DOWN, HubAlertCode.CREDENTIAL_USED_TWICE}

_NOTED: Final = frozenset({*map(str, NOTES), *map(str, REPLACED_CODES)})


@dataclass(frozen=True, slots=True)
class FleetState:
    """Every agent, worst first; `own` is what is wrong with the hub itself, `note` says in a line
    what is not known, or is empty; `listed` holds the names on the operator's list of agents, and
    is None where nobody keeps one. `site`: of which site the hub is that tells it."""

    views: list[AgentView]
    own: list[Problem] = field(default_factory=list)
    note: str = ""
    listed: frozenset[str] | None = None
    site: str = ""

    @property
    def problems(self) -> list[Problem]:
        """The hub's problems, then those of the agents."""
        return [*self.own, *problems_of(self.views)]

    @property
    def exit_code(self) -> ExitCode:
        return exit_code(self.views, self.own)


async def look(settings: Settings) -> FleetState:
    """The fleet as it is now.

    Raises:
        HubError: the hub that the settings name is away or refuses.
        BrokerError: no hub serves, and the broker is away or refuses.
    """
    import asyncio

    state, why = await asyncio.to_thread(of_hub, settings)
    return state or await of_broker(settings, why)


def of_hub(settings: Settings) -> tuple[FleetState | None, str]:
    """The fleet as its hub knows it; else as `asked_of_hub`.

    Raises:
        HubError: the hub that the settings name is away or refuses.
    """
    return asked_of_hub(settings, told_by)


def asked_of_hub(settings: Settings, ask: Callable[[HubClient], T]) -> tuple[T | None, str]:
    """What `ask` is told by the hub; None where no hub serves, and why, which may be empty.

    Raises:
        HubError: the hub that the settings name is away or refuses.
    """
    hub = HubClient.asked(settings)
    if hub is None:
        return None, ""
    try:
        return ask(hub), ""
    except HubError as error:
        if settings.hub:
            raise
        return None, f"{error.what}: {error.why}; " if error.why else f"{error.what}; "


async def of_broker(settings: Settings, why: str) -> FleetState:
    """The fleet as the broker's retained messages tell it; `why` begins its note.

    Raises:
        BrokerError: the broker is away or refuses.
    """
    # Only where no hub serves: client, judge and roster take longer to load than a hub to answer.
    from fleet.provisioning.registry import enrolled_here
    from fleet.retained import retained_views

    listed = enrolled_here(settings.home)
    retained = await retained_views(settings)
    names = None if listed is None else frozenset(listed)
    note = f"{ALONE}; {BEHIND}" if retained.is_behind else ALONE
    return FleetState(retained.views, note=f"{why}{note}", listed=names)


async def listed_names(settings: Settings) -> frozenset[str] | None:
    """The names on the operator's list, as the hub knows it, else as it lies here; None: there is
    none.

    Raises:
        HubError: the hub that the settings name is away or refuses.
    """
    import asyncio

    from fleet.provisioning.registry import enrolled_here

    hub = await asyncio.to_thread(HubClient.asked, settings)
    if hub is not None:
        try:
            told = await asyncio.to_thread(names_of, hub, enrolled=True)
            return frozenset(told.names) if told.listed else None
        except HubError:
            if settings.hub:
                raise
    here = enrolled_here(settings.home)
    return None if here is None else frozenset(here)


async def known_names(settings: Settings, most: int | None = None) -> list[str]:
    """Those that somebody has heard of, or some of them.

    Raises:
        HubError: the hub that the settings name is away or refuses.
        BrokerError: no hub serves, and the broker is away or refuses.
    """
    import asyncio

    def ask(hub: HubClient) -> list[str]:
        return names_of(hub, limit=most).names

    told, why = await asyncio.to_thread(asked_of_hub, settings, ask)
    if told is None:
        told = sorted(view.agent for view in (await of_broker(settings, why)).views)
    return told[:most]


def _listed(answer: Any) -> frozenset[str] | None:
    """A hub of an earlier release does not say whether it has a list."""
    if not answer.get("listed", False):
        return None
    return frozenset(agent["agent"] for agent in answer["agents"] if agent["enrolled"])


def own_codes(hub: HubClient, of_hubs: Iterable[Problem]) -> set[str]:
    """What the hub says of itself this moment, of what a note is made of; `of_hubs`: its problems.
    What flaps may be over just now: of that its alerts are asked.

    Raises:
        HubError: the hub is away or refuses.
    """
    told = [one for one in of_hubs if one.agent == HUB and not one.site and one.code in _NOTED]
    codes = {one.code for one in told if not one.flapping}
    for code in (one.code for one in told if one.flapping):
        alerts = hub.get(f"/v1/alerts?code={code}")["alerts"]
        fires = (alert for alert in alerts if alert["agent"] is None and "site" not in alert)
        codes |= {alert["code"] for alert in fires if alert["state"] == AlertState.FIRING}
    return codes


def everybody(hub: HubClient, query: str = "") -> Any:
    """What a hub says of all agents of a `query`, in order of names, asked a page at a time: an
    answer about 100,000 at once begins later than anybody waits for it. What is told beside the
    agents is of the last page, as the newest of them. A hub of an earlier release knows no order
    but the worst first, by which who changes between two pages is on both or on neither: it is
    asked for all at once.

    Raises:
        HubError: the hub is away or refuses, or is of another release.
    """
    asked = f"/v1/agents?order=name&limit={PAGE}{'&' if query else ''}{query}"
    answer = hub.get(asked)
    with hub.reading():
        agents, cursor = answer["agents"], answer.get("next")
        if cursor is not None and "." in cursor:  # it is `state.name`
            return hub.get(f"/v1/agents{'?' if query else ''}{query}")
        while cursor is not None:
            answer = hub.get(f"{asked}&cursor={cursor}")
            agents += answer["agents"]
            cursor = answer.get("next")
        return answer | {"agents": agents}


def told_by(hub: HubClient, query: str = "") -> FleetState:
    """All agents of a `query`, and of its list of names those alone; empty: everybody.

    Raises:
        HubError: the hub is away or refuses, or is of another release.
    """
    agents = everybody(hub, query)
    quiet = hub.get("/v1/silences")
    with hub.reading():
        views = [view_from(item) for item in agents["agents"]]
        own = [Problem.of(problem) for problem in agents["hub"]]
        here = own_site(agents)
        silences: dict[str, list[Silence]] = defaultdict(list)
        for silence in quiet["silences"]:
            silences[silence.get("site", here)].append(Silence.of(silence))
        listed = _listed(agents)
        note = note_of(agents, own_codes(hub, own))
    now = time.time()
    quieted = (view for one in views for view in apply_silences([one], silences[one.site], now))
    return FleetState(worst_first(quieted), own, note, listed, here)


def own_site(agents: Mapping[str, Any]) -> str:
    """Of which site the hub is that answers so; empty: there is one broker."""
    return next((one["site"] for one in agents.get("sites", ()) if one["own"]), "")


def note_of(agents: Mapping[str, Any], codes: Collection[str]) -> str:
    """What is not known by a hub that answers so, and of which these `codes` fire now."""
    standby = agents.get("standby")
    lost = [one["site"] for one in agents.get("sites", ()) if one["lost"]]
    read = ""
    if agents.get("role") == "reader":
        leads = f"{agents['leader']} leads" if agents["leader"] else "nobody leads now"
        seconds = float(agents["as_of_age"])
        read = f"as of {agents['as_of']} ({seconds:.0f} s ago), as the store has it; {leads}"
    note = next((words for code, words in NOTES.items() if code in codes), "")
    if REPLACED_CODES.issubset(codes):
        note = REPLACED
    if standby and not note:
        note = f"the hub is at {standby}, not at the first broker of FLEET_BROKER: fleet doctor"
    gone = "; ".join(f"site {name} is lost: its agents are unknown" for name in lost)
    return "; ".join(filter(None, (read, note, gone)))
