"""Whatever is wrong at whichever site: the page, `fleet status`, `fleet check`, the full screen,
the doctor and the tools of MCP say the same of it, and none says ok where another knows better.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import fleet_state
from fleet.api.agent_lists import AgentLists, SiteLists
from fleet.api.agent_query import AgentQuery
from fleet.api.backend import AlertQuery
from fleet.api.followed_backend import FollowedBackend
from fleet.bus.in_process import InProcessBroker
from fleet.cli.check import verdict
from fleet.cli.monitor_panes import Pane, rows_of
from fleet.cli.status import print_fleet
from fleet.commander.followed import FollowedCommander
from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import AlertState, HubAlertCode, MessageKind, Severity, State
from fleet.doctor.findings import EXITS, worst
from fleet.doctor.host import _counts
from fleet.domain.events import Event, Fact
from fleet.domain.problems import ExitCode
from fleet.domain.severities import severity_of
from fleet.domain.silences import Silence
from fleet.fleet_page import page_of
from fleet.hub.committer import HUB
from fleet.hub.follower import Follower
from fleet.hub.hub import Hub
from fleet.hub.maintenance_windows import MaintenanceWindows
from fleet.mcp.answers import check_answer, fleet_answer
from fleet.mcp.words import Words
from fleet.metrics.exporter import Exporter
from fleet.settings import load
from fleet.store.in_memory import InMemoryStore

NOW = 1_780_000_000.0
SITES = ("berlin", "lima", "oslo")
OF_HUBS = (HubAlertCode.STORE_DOWN, HubAlertCode.CAPACITY_LOW, HubAlertCode.BROKER_DOWN)
WELL, UNWELL, ALARMED, WARNED, GONE = "well", "unwell", "alarmed", "warned", "gone"


@dataclass(frozen=True)
class Scene:
    """What is true of a site: its agents, what its hub says of itself, what is silenced there."""

    agents: Sequence[str] = ()
    hub: Sequence[str] = ()
    silenced: str = ""
    lost: bool = False
    speaks: bool = True


scenes = st.builds(
    Scene,
    agents=st.lists(st.sampled_from([WELL, UNWELL, ALARMED, WARNED, GONE]), max_size=2),
    hub=st.lists(st.sampled_from(OF_HUBS), max_size=2, unique=True),
    silenced=st.sampled_from(["", "", "", "all", "restart-loop", "store-down"]),
    lost=st.sampled_from([False, False, True]),
    speaks=st.booleans(),
)


def said(what: str) -> Heartbeat | Status | Alert:
    ts = timestamp(NOW)
    if what in (ALARMED, WARNED):
        severity = Severity.CRITICAL if what == ALARMED else Severity.WARNING
        return Alert(code="restart-loop", severity=severity, state=AlertState.FIRING, ts=ts)
    if what == GONE:
        return Status(state=State.OFFLINE, ts=ts)
    return Heartbeat(ok=what == WELL, ts=ts)


async def play(site: str, scene: Scene, folder: Path) -> Hub:
    store: Any = InMemoryStore()
    store.open()
    store_url = "postgresql://fleet@db/fleet"
    at = load({"home": str(folder), "store": store_url, "site": site}, {})
    hub = Hub(at, store, bus=InProcessBroker().connect)
    events = []
    for number, what in enumerate(scene.agents):
        agent, message = f"{site or 'only'}-{number}", said(what)
        kinds = {Heartbeat: MessageKind.HEARTBEAT, Status: MessageKind.STATUS}
        kind = kinds.get(type(message), MessageKind.ALERT)  # type: ignore[arg-type]
        beat = Address(agent, MessageKind.HEARTBEAT), said(WELL)
        for address, one in (beat, (Address(agent, kind), message)):
            events += hub.roster.observe(address, one, at=NOW)
    events += [Event(Fact.ALERT_FIRING, HUB, NOW, code, severity_of(code)) for code in scene.hub]
    if scene.silenced:
        code = "" if scene.silenced == "all" else scene.silenced
        hub.committer.silence(Silence(f"01{site}", NOW + 3600, code=code, begins=NOW))
    await hub.committer.write(events)
    return hub


class Answers:
    """The answers of a hub, without HTTP between."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told

    def get(self, path: str) -> Any:
        return self._told[path.partition("?")[0]]

    @contextmanager
    def reading(self) -> Iterator[None]:
        yield


async def ask(played: Sequence[Scene], folder: Path) -> dict[str, Any]:
    """What the hub of the first site answers."""
    names = SITES if len(played) > 1 else ("",)
    hubs = [await play(site, scene, folder) for site, scene in zip(names, played, strict=False)]
    own = hubs[0]
    others = []
    for hub, scene in zip(hubs[1:], played[1:], strict=True):
        lists = AgentLists(hub)
        lists.lost, lists.hub_speaks = scene.lost, scene.speaks or not scene.lost
        others.append(lists)
    commander, nothing = FollowedCommander(own), Any
    backend = FollowedBackend(
        own, Follower(own, nothing), commander, Exporter(own, commander, ()),
        MaintenanceWindows(own, ()),
    )  # fmt: skip
    own.committer.time.at = NOW  # type: ignore[attr-defined]
    for hub in hubs[1:]:
        hub.committer.time = own.committer.time
    if len(hubs) > 1:
        backend.lists = SiteLists(AgentLists(own), others)
        backend.tell_sites = lambda: [
            {"site": hub.settings.site, "own": hub is own, "lost": scene.lost and hub is not own}
            for hub, scene in zip(hubs, played, strict=True)
        ]
    rows, about = await backend.agents(AgentQuery())
    about |= {"role": "leader"}
    alerts, _ = await backend.alerts(AlertQuery())
    told = {
        "/v1/agents": {
            "agents": [json.loads(row) for row in rows],
            "problems": await backend.problems(None),
            **about,
        },
        "/v1/alerts": {"alerts": alerts, **backend.silences()},
        "/v1/silences": backend.silences(),
        "/v1/stats": backend.stats(),
    }
    for hub in hubs:
        await hub.store.close()
    return told


def told_by(problem: dict[str, Any]) -> tuple[Any, ...]:
    keys = ("agent", "severity", "code", "held", "flapping")
    return (*(problem[key] for key in keys), problem.get("site") or "")


def expected_exit(answer: dict[str, Any]) -> ExitCode:
    found = {p["severity"] for p in answer["problems"] if not p["held"]}
    if "critical" in found:
        return ExitCode.CRITICAL
    if "warning" in found:
        return ExitCode.WARNING
    states = [agent["state"] for agent in answer["agents"]]
    return ExitCode.OK if states and "unknown" not in states else ExitCode.UNKNOWN


@settings(max_examples=40, deadline=None)
@given(st.lists(scenes, min_size=1, max_size=3))
def test_no_surface_says_ok_where_another_knows_better(played: Sequence[Scene]) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch("time.time", return_value=NOW):
        answers = asyncio.run(ask(played, Path(folder)))
        state = fleet_state.told_by(Answers(answers))  # type: ignore[arg-type]
    page = answers["/v1/agents"]
    # Of an agent, `fleet status` knows the site by the agent.
    sites = {view.agent: view.site for view in state.views}
    own = page["sites"][0]["site"] if page.get("sites") else ""
    at = {a: "" if s == own else s for a, s in sites.items()}
    of_status = [told_by(p.as_dict() | {"site": p.site or at.get(p.agent)}) for p in state.problems]
    assert sorted(of_status) == sorted(map(told_by, page["problems"]))

    wanted = expected_exit(page)
    assert state.exit_code is wanted
    code, line = verdict(state.views, (), state.own)
    assert (code, line.split(" - ")[0]) == (wanted, f"FLEET {wanted.name}")
    words = Words(listed=[view.agent for view in state.views])
    whole = page_of(state)
    for answer in (check_answer(whole, words), fleet_answer(whole, words)):
        assert answer.startswith(f"{wanted.name}:")
    loud = [p for p in state.problems if not p.held]
    assert all(f"{p.subject}: {p.code}" in check_answer(whole, words) for p in loud)
    assert [row[1:3] for row in rows_of(whole)[Pane.ALERTS]] == [
        (p.subject, p.code) for p in state.problems
    ]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        print_fleet(state, "table")
    assert all(str(problem) in shown.getvalue() for problem in state.problems)
    examined = worst(_counts(answers["/v1/stats"], page))
    of_hubs = [p for p in loud if p.agent == "hub" and p.severity is Severity.CRITICAL]
    assert (EXITS[examined] == ExitCode.CRITICAL) is bool(of_hubs)
    firing = {(a["agent"] or "hub", a["code"]) for a in answers["/v1/alerts"]["alerts"]}
    assert {(p.agent, p.code) for p in state.own} <= firing
