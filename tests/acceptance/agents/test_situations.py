"""Real agents in the situations that operators meet: what the sidecar beside them says of each, as
`agent_sidecar/kinds/situations.py` has it.

One gateway a kind, started once and led through all of them; a sidecar that beats every ten minutes
only, so that what comes at once comes by itself. Everything free in them holds a marker word, and
at the end nothing that left may.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.config import load
from agent_sidecar.kinds import assemble, openclaw_jobs, openclaw_program
from agent_sidecar.kinds.situations import SITUATIONS, Situation
from agent_sidecar.probes import overdue
from fleet.contract.timestamps import epoch
from fleet.contract.vocabulary import AlertCode, Check
from tests.support.broker import Mosquitto
from tests.support.installed_agents import needs
from tests.support.other_user import UID, as_root, run_as
from tests.support.packet_proxy import RecordingProxy
from tests.support.real_agents import KINDS, MARKER, WORDS, Agent, Hermes, OpenClaw, made
from tests.support.sidecar import Listener, Sidecar
from tests.support.staged_agent import BUSY, INTERVAL, Stage, watching
from tests.support.stub_model import HANG, HANG_UP, StubModel
from tests.support.waiting import wait_until

assert BUSY < INTERVAL / 2, "what is waited for came by itself, and not with the next look"

NEWEST = ("nanobot-0.3.5", "hermes-0.19.0", "openclaw-2026.9.6")

PLANES = {
    "nanobot": {"process", "endpoint", "work", "cron", "config", "broker"},
    "hermes": {"process", "channels", "work", "cron", "config", "broker"},
    "openclaw": {"process", "endpoint", "channels", "work", "cron", "config", "broker"},
}
"""What is told of each kind without a setting, disk and memory aside."""

FAULTS = {
    HANG_UP: Situation.HANGS_UP,
    429: Situation.THROTTLED,
    401: Situation.REFUSED,
}

pytestmark = [
    pytest.mark.xdist_group("agents"),  # up to 1 GB each, and each looks at all of this machine
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module", params=[pytest.param(one, marks=needs(one)) for one in NEWEST])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("agents") / MARKER
    folder.mkdir()
    broker = Mosquitto(folder / "broker").start()
    hub = Listener(broker.port, receipts=True).start()
    with (
        pytest.MonkeyPatch.context() as patch,
        RecordingProxy(broker.port) as tap,
        StubModel() as model,
        made(request.param, folder / "home", model.port) as agent,
    ):
        patch.setattr(openclaw_jobs, "OFTEN", 10.0)
        patch.setattr(openclaw_program, "PATIENCE", BUSY)
        model.says = f"Dear {MARKER}"
        model.fault = HANG
        agent.schedule()
        agent.start()
        if isinstance(agent, OpenClaw):
            agent.add_job()
        sidecar = Sidecar(folder.parent / "beside", f"mqtt://127.0.0.1:{tap.port}")
        found = Stage(agent, model, hub, sidecar, tap)
        watching(sidecar, agent)
        try:
            hub.wait("heartbeat")
            yield found
        finally:
            sidecar.stop()
            hub.stop()
            broker.stop()


def test_each_plane_is_told_a_refused_channel_and_the_release_that_runs(stage: Stage) -> None:
    kind = stage.agent.name
    # OpenClaw's own command line takes seconds: the first answers may come without its planes.
    wanted = {"process": Check.PASS, "config": Check.PASS}.items()

    def told() -> dict[str, Any]:
        found = stage.command("health-check")
        whole = set(found["checks"]) == PLANES[kind] and wanted <= found["checks"].items()
        return found if whole and "agent" in found["versions"] else {}

    found = wait_until(told, BUSY, "a word on each plane")
    assert found["kind"] == kind
    assert found["versions"]["agent"] == stage.agent.version
    for situation in (Situation.CHANNEL, Situation.NEVER):
        if kind in SITUATIONS[situation]:
            stage.comes_to(situation)


def test_a_model_that_hangs_is_told_by_the_schedule(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(lambda: stage.model.asked, BUSY, "the job's call")
    monkeypatch.setattr(overdue, "LEAST", 1.0)
    monkeypatch.setattr(overdue, "PERIODS", 0.01)
    stage.comes_to(Situation.HANGING_MODEL)
    planes = ("cron", "process", "endpoint")  # an endpoint on a busy machine may be late once
    wait_until(lambda: not stage.look(*planes)[1], BUSY, "that nothing has failed")


def test_what_a_provider_refuses_makes_jobs_fail(stage: Stage) -> None:
    model = stage.model
    if isinstance(stage.agent, Hermes):
        model.faults, model.fault = WORDS, 0
        for situation in FAULTS.values():
            stage.comes_to(situation)
        every = ("cron_jobs_failed", len(WORDS))
        cron = next(probe for probe in stage.assembly.probes if probe.name == "cron")
        wait_until(lambda: every in cron.run().metrics.items(), BUSY, "a failure by each")
        model.faults = {}
        return
    before: list[Situation] = []
    for fault, situation in FAULTS.items():
        model.fault, asked = fault, model.asked
        wait_until(lambda asked=asked: model.asked > asked, BUSY, "its next call")
        stage.comes_to(situation, *before)
        before.append(situation)
    model.fault = 0


def test_a_stop_is_a_warning_and_no_death(stage: Stage) -> None:
    wanted = stage.expects(Situation.STOPPED)
    stage.agent.signal(signal.SIGSTOP)
    try:
        wait_until(lambda: wanted.planes.items() <= stage.look("process", "endpoint")[0].items())
        assert not stage.firing(AlertCode.PROCESS_DOWN)
    finally:
        stage.agent.signal(signal.SIGCONT)


@as_root
def test_files_that_are_closed_to_the_sidecars_user_are_no_death(
    stage: Stage, tmp_path: Path
) -> None:
    stage.agent.folder.chmod(0o700)
    stage.look(*PLANES["openclaw"])  # and so all that it imports is there: the rest is closed, too
    told = (tmp_path / "told").open("w+")

    def as_another() -> None:
        closed = replace(stage)
        json.dump(closed.look(*PLANES["openclaw"])[0], told)
        told.flush()

    with told:
        assert run_as(UID, Path("/"), as_another) == 0
        told.seek(0)
        planes = json.load(told)
    assert stage.expects(Situation.DENIED).planes.items() <= planes.items()
    assert Check.FAIL not in planes.values()


def test_a_reload_is_done_only_with_a_configuration_that_its_own_reader_takes(
    stage: Stage,
) -> None:
    before = wait_until(lambda: stage.command("status-report").get("config"), BUSY, "its digest")
    whole = stage.agent.settings.read_text()
    stage.agent.settings.write_text(stage.agent.broken)
    refused = stage.command("config-reload")
    assert (refused["reply"]["result"], refused["reply"]["code"]) == ("failed", "config-invalid")
    assert refused["config"] == before, "what is refused is not in effect"
    wait_until(lambda: stage.firing(AlertCode.CONFIG_INVALID), what="its alert")
    stage.agent.settings.write_text(whole)
    stage.agent.configure("another")

    def answered() -> dict[str, Any]:
        found = stage.command("config-reload")  # its own validator may be too slow here
        return {} if found["reply"].get("code") == "probe-failed" else found

    replaced = wait_until(answered, BUSY, "an answer that its validator was in time for")
    if stage.agent.name == "hermes":  # it takes its file up with a start, and nobody said how
        assert replaced["reply"]["result"] == "unsupported"
        replaced = stage.command("health-check")
    else:
        assert (replaced["reply"]["result"], replaced["reply"]["code"]) == ("done", "ok")
    assert replaced["config"] != before
    wait_until(lambda: not stage.firing(AlertCode.CONFIG_INVALID), what="the end of its alert")


def test_deaths_and_returns_are_told_by_themselves_and_by_their_own_sidecar_only(
    stage: Stage, tmp_path: Path, record_property: Any
) -> None:
    name, kind = stage.agent.name, type(stage.agent)
    url = f"mqtt://127.0.0.1:{stage.tap.port}"
    with kind(stage.agent.version, tmp_path / MARKER, stage.model.port) as second:
        beside = watching(Sidecar(tmp_path / "beside", url, "beta"), second)
        try:
            wait_until(lambda: stage.firing(DOWN, "beta"), BUSY, "that nobody is there")
            for _ in range(1 + RESTARTS[name]):
                returns(stage, second, "beta")
                dies(stage, second, "beta", record_property)
            assert stage.firing(AlertCode.RESTART_LOOP, "beta") == (RESTARTS[name] >= 3)
        finally:
            beside.stop()
    assert stage.told(DOWN) == [], "the other one's sidecar"
    assert stage.look("process") == ({"process": Check.PASS}, set())


def test_of_two_of_one_user_none_is_guessed_and_each_is_its_own(
    stage: Stage, tmp_path: Path, record_property: Any
) -> None:
    """A profile, or another configuration; the sidecar has no word on where but `FLEET_INSTANCE`"""
    first, name = stage.agent, "gamma"
    url = f"mqtt://127.0.0.1:{stage.tap.port}"
    with type(first)(first.version, first.home, stage.model.port, "work") as second:
        second.start()
        beside = Sidecar(tmp_path / "beside", url, name, HOME=str(first.home))
        del beside.settings["FLEET_PID_FILE"]  # of a stand-in
        unsaid = beside.call("check")
        assert unsaid.returncode == 3, unsaid.stdout + unsaid.stderr
        assert "2 instances of" in unsaid.stderr
        for one in (first, second):
            assert f": process {one.pid}" in unsaid.stdout
        said = beside.call("check", FLEET_INSTANCE=first.instance)
        assert f"{first.folder}: FLEET_INSTANCE names it" in said.stdout, said.stdout + said.stderr
        beside.settings["FLEET_INSTANCE"] = second.instance
        watching(beside, second)
        try:
            wait_until(lambda: passes(stage, name), BUSY, "its process")
            dies(stage, second, name, record_property)
        finally:
            beside.stop()
    assert stage.told(DOWN) == [], "the first one's sidecar"
    assert stage.look("process") == ({"process": Check.PASS}, set())


def passes(stage: Stage, name: str) -> bool:
    beats = stage.heard("heartbeat", name)
    return bool(beats) and beats[-1]["checks"].get("process") == Check.PASS


def returns(stage: Stage, agent: Agent, name: str) -> None:
    agent.start()
    wait_until(lambda: not stage.firing(DOWN, name), BUSY, "its start, told by itself")


def dies(stage: Stage, agent: Agent, name: str, record: Any) -> None:
    killed = time.time()
    agent.kill()
    wait_until(lambda: stage.firing(DOWN, name), BUSY, "its death, told by itself")
    took = epoch(stage.told(DOWN, name)[-1]["ts"]) - killed
    record("death_told_s", round(took, 3))
    print(f"{agent.name}: its death was told after {took:.3f} s")


DOWN = AlertCode.PROCESS_DOWN

RESTARTS = {"nanobot": 3, "hermes": 1, "openclaw": 0}
"""How often it is started again after a kill, with what that left behind; OpenClaw takes 37 s of
processor time each."""


def test_nothing_free_has_left_it(stage: Stage) -> None:
    log = (stage.agent.home / "agent.log").read_text()
    assert stage.model.asked
    assert MARKER in stage.agent.settings.read_text()
    assert log
    sent = stage.tap.sent
    assert len(sent) > 1000
    assert b"alpha" in sent, "what is searched is what was sent"
    assert not marked(sent)
    assert not marked(json.dumps(stage.hub.retained()).encode())
    assert not marked(stage.sidecar.log.read_bytes())
    for path in stage.sidecar.state.rglob("*"):
        assert not path.is_file() or not marked(path.read_bytes()), path.name
    shown = stage.sidecar.call("check")
    assert shown.returncode == 0, shown.stderr
    places = str(stage.agent.home)  # where it looks is said to whoever asks on this machine
    assert not marked(shown.stdout.replace(places, "").encode())
    assert not marked(shown.stderr.replace(places, "").encode())


def marked(said: bytes) -> bool:
    """In whatever case: ids of accounts are lower."""
    return MARKER.lower().encode() in said.lower()


OLDER = [pytest.param(one, marks=needs(one)) for one in ("nanobot-0.3.0", "nanobot-0.2.2")]


@pytest.mark.parametrize("name", OLDER)
def test_older_releases_live_hang_and_die_as_the_newest_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "LEAST", 1.0)
    monkeypatch.setattr(overdue, "PERIODS", 0.01)
    with StubModel() as model, made(name, tmp_path / "home", model.port) as agent:
        model.fault = HANG
        agent.schedule()
        agent.start()
        environ = {"FLEET_AGENT": "alpha", "FLEET_AGENT_HOME": str(agent.folder)}
        assembly = assemble(load(environ=environ))
        probes = {probe.name: probe for probe in assembly.probes}
        for one in ("process", "endpoint /health"):  # a busy machine starts it slowly
            wait_until(lambda one=one: probes[one].run().check is Check.PASS, BUSY, one)
        found = {one: probe.run() for one, probe in probes.items()}
        assert found["version"].versions == {"agent": agent.version}
        assert assembly.pid() == agent.pid
        schedule = next(probe for probe in assembly.probes if probe.name == "schedule")
        wait_until(lambda: schedule.run().check is Check.FAIL, BUSY, "the overdue job")
        agent.kill()
        process = next(probe for probe in assembly.probes if probe.name == "process")
        assert process.run().check is Check.FAIL


assert set(PLANES) == set(KINDS)
