"""Hubs of one or several sites at a moment that stands, with whatever may be true of their agents,
behind the routes that read a fleet: everything but the network and the token.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

import httpx
from fastapi import FastAPI
from hypothesis import strategies as st

from fleet.api.agent_lists import AgentLists, SiteLists
from fleet.api.followed_backend import FollowedBackend
from fleet.api.routes import fleet as routes
from fleet.api.routes import names as name_routes
from fleet.bus.in_process import InProcessBroker
from fleet.commander.followed import FollowedCommander
from fleet.contract.messages import Alert, Heartbeat, Reply, Status
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import (
    AlertState,
    Check,
    HubAlertCode,
    Kind,
    MessageKind,
    Result,
    Severity,
    State,
    Verb,
)
from fleet.domain.enrolment import Enrolment
from fleet.domain.events import Event, Fact
from fleet.domain.severities import severity_of
from fleet.domain.silences import Silence, maintenance
from fleet.hub.committer import HUB
from fleet.hub.follower import Follower
from fleet.hub.hub import Hub
from fleet.hub.maintenance_windows import MaintenanceWindows
from fleet.metrics.exporter import Exporter
from fleet.settings import load
from fleet.store.in_memory import InMemoryStore

NOW: Final = 1_780_000_000.0
SITES: Final = ("berlin", "lima", "oslo")
INTERVAL: Final = 10.0
GROUPS: Final = ("night", "web")
OF_HUBS: Final = (
    HubAlertCode.STORE_DOWN,
    HubAlertCode.BROKER_DOWN,
    HubAlertCode.HUB_DEAF,
    HubAlertCode.CREDENTIAL_USED_TWICE,
)


@dataclass(frozen=True)
class Agent:
    """`silent`: seconds since it was heard, None: it never was. `says`: what it said last. `twin`:
    it is called as one of the first site may be."""

    silent: float | None = 0.0
    says: str = "well"
    listed: bool = True
    groups: tuple[str, ...] = ()
    label: str = ""
    kind: Kind | None = None
    twin: bool = False

    @property
    def silent_for(self) -> float:
        return self.silent or 0.0


@dataclass(frozen=True)
class Told:
    """What a hub says of itself: `turns` times it began, and it `lasts` or is over just now."""

    code: HubAlertCode
    turns: int = 1
    lasts: bool = True


@dataclass(frozen=True)
class Scene:
    """What is true of a site. `deaf`: its hub hears nobody since half a minute; `lost` and `speaks`
    are of other ones than the asked. `ticked`: seconds since its hub judged everybody."""

    agents: Sequence[Agent] = ()
    hub: Sequence[Told] = ()
    silences: Sequence[Silence] = ()
    deaf: bool = False
    lost: bool = False
    speaks: bool = True
    ticked: float = 0.0


agents = st.builds(
    Agent,
    silent=st.sampled_from([0.0, 0.0, 0.0, 21.0, 60.0, None]),
    says=st.sampled_from(
        [
            "well",
            "well",
            "unwell",
            "alarmed",
            "warned",
            "gone",
            "bye",
            "fails",
            "full",
            "milder",
            "answers",
            "flaps",
        ]
    ),
    listed=st.sampled_from([True, True, True, False]),
    groups=st.sampled_from([(), ("web",), ("night", "web")]),
    label=st.sampled_from(["", "", "web", "night"]),
    kind=st.sampled_from([None, Kind.NANOBOT, Kind.HERMES]),
    twin=st.sampled_from([False, False, True]),
)
silences = st.builds(
    lambda number, until, agent, code, scope, planned: (
        maintenance("somebody", until, agent)
        if planned
        else Silence(
            f"01{number}", until, "" if scope else agent, code, scope=scope,
            members=frozenset({"0-0", "1-1"}) if scope else frozenset(),
        )
    ),
    st.integers(0, 9), st.sampled_from([NOW + 3600, NOW + 1]),
    st.sampled_from(["", "0-0", "0-1", "1-0", "hub"]),
    st.sampled_from(["", "restart-loop", "agent-offline", "agent-degraded", "store-down"]),
    st.sampled_from(["", "", "group:web"]), st.booleans(),
)  # fmt: skip
scenes = st.builds(
    Scene,
    agents=st.lists(agents, max_size=6),
    hub=st.lists(
        st.builds(Told, st.sampled_from(OF_HUBS), st.sampled_from([1, 4]), st.booleans()),
        max_size=2,
    ),
    silences=st.lists(silences, max_size=2),
    deaf=st.sampled_from([False, False, False, True]),
    lost=st.sampled_from([False, False, True]),
    speaks=st.booleans(),
)
fleets = st.lists(scenes, min_size=1, max_size=3)

_FAILING: Final = {
    "fails": "process", "milder": "process", "answers": "process", "full": "disk",
}  # fmt: skip
"""The plane that fails, by what an agent says."""

_ALARMS: Final = {
    "alarmed": ("restart-loop", Severity.CRITICAL),
    "warned": ("restart-loop", Severity.WARNING),
    "milder": ("process-down", Severity.WARNING),
}


def _said(agent: Agent) -> list[Heartbeat | Status | Alert]:
    ts = timestamp(NOW - agent.silent_for)
    checks = {_FAILING.get(agent.says, "process"): Check.PASS}
    if agent.says in _FAILING:
        checks = dict.fromkeys(checks, Check.FAIL)
    if agent.says == "answers":  # no sign of life: it says how it is, and is unknown
        reply = Reply(verb=Verb.HEALTH_CHECK, result=Result.DONE)
        return [Status(state=State.RUNNING, ts=ts, checks=checks, reply=reply)]
    beat = Heartbeat(ok=agent.says != "unwell", ts=ts, checks=checks, interval=INTERVAL)
    if agent.says in _ALARMS:
        code, severity = _ALARMS[agent.says]
        return [beat, Alert(code=code, severity=severity, state=AlertState.FIRING, ts=ts)]
    if agent.says == "flaps":
        turns = [
            Alert(
                code="restart-loop",
                severity=Severity.CRITICAL,
                state=(AlertState.FIRING, AlertState.RESOLVED)[turn % 2],
                ts=timestamp(NOW - agent.silent_for - 10.0 + turn),
            )
            for turn in range(8)
        ]
        return [*turns, beat]
    if agent.says in ("gone", "bye"):
        by_will = {"boot": 1} if agent.says == "gone" else {}
        goodbye = {"boot": 1, "seq": 2} if agent.says == "bye" else {}
        return [beat, Status(state=State.OFFLINE, ts=ts, **(by_will or goodbye))]  # type: ignore[arg-type]
    return [beat]


async def play(number: int, site: str, scene: Scene, folder: Path) -> Hub:
    store: Any = InMemoryStore()
    store.open()
    at = load(
        {"home": str(folder), "store": "postgresql://fleet@db/fleet", "site": site,
         "interval": str(INTERVAL)}, {},
    )  # fmt: skip
    hub = Hub(at, store, bus=InProcessBroker().connect)
    named = {
        f"{0 if agent.twin else number}-{place}": agent for place, agent in enumerate(scene.agents)
    }
    listed = {
        name: Enrolment({"group": one.label} if one.label else {}, one.kind, one.groups)
        for name, one in named.items()
        if one.listed
    }
    events = hub.roster.enrol(listed, at=NOW)
    kinds = {Heartbeat: MessageKind.HEARTBEAT, Status: MessageKind.STATUS}
    for name, agent in named.items():
        if agent.silent is None:
            continue
        for message in _said(agent):
            kind = kinds.get(type(message), MessageKind.ALERT)  # type: ignore[arg-type]
            events += hub.roster.observe(Address(name, kind), message, at=NOW - agent.silent)
    for told in scene.hub:
        for turn in range(told.turns):
            at_ = NOW - 2.0 * (told.turns - turn)
            events.append(Event(Fact.ALERT_FIRING, HUB, at_, told.code, severity_of(told.code)))
            if turn < told.turns - 1 or not told.lasts:
                events.append(Event(Fact.ALERT_RESOLVED, HUB, at_ + 1.0, told.code))
    if scene.deaf:
        events += hub.roster.tick(NOW - 30.0)  # it looked at who is silent until then
        hub.roster.stop_listening(NOW - 30.0)
    hub.committer.time = Standing()  # type: ignore[assignment]
    for silence in scene.silences:
        hub.committer.silence(silence)
    await hub.committer.write([*events, *hub.roster.tick(NOW - scene.ticked)])
    return hub


class Standing:
    """The time of a hub, which stands."""

    at = NOW
    doubt = None

    def now(self) -> float:
        return NOW


@cache
def _app() -> FastAPI:
    """The routes, for anybody."""
    app = FastAPI()
    app.include_router(routes.router)
    app.include_router(name_routes.router)
    app.dependency_overrides[get_args(routes.Reader)[1].dependency] = lambda: None
    return app


class Played:
    """A fleet behind the routes; the hub of the first site is asked, as `HubClient` would."""

    def __init__(self, hubs: Sequence[Hub], fleet: Sequence[Scene]) -> None:
        own, others = hubs[0], []
        for hub, scene in zip(hubs[1:], fleet[1:], strict=True):
            lists = AgentLists(hub)
            lists.lost, lists.hub_speaks = scene.lost, scene.speaks or not scene.lost
            others.append(lists)
        commander, nothing = FollowedCommander(own), Any
        backend = FollowedBackend(
            own, Follower(own, nothing), commander, Exporter(own, commander, ()),
            MaintenanceWindows(own, ()),
        )  # fmt: skip
        own.committer.time = Standing()  # type: ignore[assignment] # a follower has its own
        backend.seen = lambda: {  # type: ignore[method-assign]
            "role": "leader", "leader": None, "as_of": timestamp(NOW), "as_of_age": 0.0,
        }  # fmt: skip
        if others:
            backend.lists = SiteLists(AgentLists(own), others)
            backend.tell_sites = lambda: [
                {
                    "site": hub.settings.site,
                    "own": hub is own,
                    "lost": scene.lost and hub is not own,
                }
                for hub, scene in zip(hubs, fleet, strict=True)
            ]
        self.backend = backend
        self.knows_found = True

    def get(self, path: str) -> Any:
        """What the hub answers; one of an earlier release passes over what it does not know."""
        body = asyncio.run(self._get(path))
        answer = json.loads(body)
        if not self.knows_found and isinstance(answer, dict):
            answer.pop("found", None)
        return answer

    async def _get(self, path: str) -> bytes:
        app = _app()
        app.state.backend = self.backend
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            answer = await client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        return answer.content

    @contextmanager
    def reading(self) -> Iterator[None]:
        yield


def played(fleet: Sequence[Scene], folder: Path) -> Played:
    """A fleet of one site without a name, or of several."""

    async def hubs() -> list[Hub]:
        names = SITES if len(fleet) > 1 else ("",)
        each = zip(names, fleet, strict=False)
        return [await play(n, site, scene, folder) for n, (site, scene) in enumerate(each)]

    return Played(asyncio.run(hubs()), fleet)
