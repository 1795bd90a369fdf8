"""Kinds are found by looking; each says what it reads and passes by."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from agent_sidecar.commands.config_reload import reload_action
from agent_sidecar.config import Config, load
from agent_sidecar.kinds import assemble, kind_of
from agent_sidecar.kinds.nanobot import health, outcomes
from agent_sidecar.kinds.nanobot_calls import UsageLog
from agent_sidecar.kinds.nanobot_gateway import Gateway
from agent_sidecar.probes.cron import Outcomes
from agent_sidecar.probes.processes import table
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Check, Kind, Plane, ReplyCode


def config(**settings: object) -> Config:
    texts = {name: str(value) for name, value in settings.items()}
    return load(environ={"FLEET_AGENT": "alpha", **texts})


def home_of(folder: Path, kind: Kind) -> Path:
    files = {
        Kind.NANOBOT: ["config.json"],
        Kind.OPENCLAW: ["openclaw.json"],
        Kind.HERMES: ["config.yaml"],
        Kind.ROCKBOT: ["soul.md", "directives.md", "style.md"],
        Kind.GENERIC: [],
    }
    for name in files[kind]:
        (folder / name).write_text("{}")
    return folder


@pytest.mark.parametrize("kind", list(Kind))
def test_a_kind_is_found_by_its_files(tmp_path: Path, kind: Kind) -> None:
    assembly = assemble(config(FLEET_AGENT_HOME=home_of(tmp_path, kind)))
    assert assembly.kind == kind
    names = [probe.name for probe in assembly.probes]
    assert len(set(names)) == len(names), "the pool tells probes apart by name"
    for probe in assembly.probes:
        assert probe.plane in list(Plane)
        assert probe.timeout > 0
        assert probe.reads
        assert probe.ignores


def test_a_setting_wins_over_looking(tmp_path: Path) -> None:
    home = home_of(tmp_path, Kind.NANOBOT)
    assert kind_of(config(FLEET_AGENT_HOME=home, FLEET_KIND="rockbot")) is Kind.ROCKBOT
    assert kind_of(config(FLEET_AGENT_HOME=home, FLEET_PROCESS="other")) is Kind.GENERIC
    with pytest.raises(ConfigError, match="is not a kind"):
        kind_of(config(FLEET_KIND="chatgpt"))


def test_a_generic_agent_gets_what_the_settings_name(tmp_path: Path) -> None:
    assembly = assemble(
        config(
            FLEET_KIND="generic",
            FLEET_PROCESS="my-agent",
            FLEET_ENDPOINT="http://127.0.0.1:1/health",
            FLEET_CONTAINER="agent",
            FLEET_UNIT="agent.service",
            FLEET_WORK_FILES=f"{tmp_path}/*.log",
            FLEET_CRON_FILES=f"{tmp_path}/*.exit",
            FLEET_PROFILE=f"{tmp_path}/a,{tmp_path}/b",
        )
    )
    assert [probe.name for probe in assembly.probes] == [
        *("process", "container", "unit", "endpoint /health"),
        *("work", "cron", "config", "disk", "memory"),
    ]


def test_disk_and_memory_can_be_switched_off() -> None:
    probes = assemble(config(FLEET_KIND="generic", FLEET_DISK="-", FLEET_MEMORY="-")).probes
    assert [probe.name for probe in probes] == ["unwatched"], "nothing is watched, and said so"


@pytest.mark.parametrize("kind", [Kind.OPENCLAW, Kind.ROCKBOT])
def test_an_agent_in_another_container_is_not_called_dead(tmp_path: Path, kind: Kind) -> None:
    """Nobody named its process, and none is to be seen: for RockBot that proves nothing."""
    stale = tmp_path / "tmp/openclaw-0/gateway.state.lock"
    stale.parent.mkdir(parents=True)
    stale.write_text('{"pid": 1, "startTime": 1}')
    assembly = assemble(config(FLEET_AGENT_HOME=home_of(tmp_path, kind)))
    process = next(probe for probe in assembly.probes if probe.name == "process")
    expected = Check.UNKNOWN if kind is Kind.ROCKBOT else Check.FAIL
    assert process.run().check is expected


@pytest.mark.parametrize("kind", list(Kind))
def test_a_reload_of_a_dead_agent_is_no_success_whatever_its_kind(
    tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_sidecar.commands.config_reload.EFFECT_TIME", 0.0)
    (tmp_path / "agent").mkdir()
    pid_file = tmp_path / "agent.pid"
    settings = {
        "FLEET_AGENT_HOME": home_of(tmp_path / "agent", kind), "FLEET_PID_FILE": pid_file,
        "FLEET_ENDPOINT": "http://127.0.0.1:1/health", "FLEET_KIND": kind,
    }  # fmt: skip
    for pid, code in ((os.getpid(), ReplyCode.OK), (2**22, ReplyCode.ACTION_TIMEOUT)):
        pid_file.write_text(str(pid))
        agent = assemble(config(**settings))
        assert reload_action("none", agent)() is code
    contained = assemble(config(**settings, FLEET_CONTAINER="agent"))
    assert contained.lives() is None, "it is Docker's to say"


@pytest.mark.parametrize(
    ("document", "check"),
    [
        ({"status": "ok", "process": "alive", "ready": True, "websocket": "running"}, Check.PASS),
        ({"status": "degraded", "ready": False}, Check.WARN),
        ({"status": "ok", "ready": False}, Check.WARN),
        ({"status": "ok"}, Check.PASS),  # 0.3.0 and 0.2.2
        ({"status": "degraded"}, Check.WARN),
    ],
)
def test_nanobots_health(document: dict[str, object], check: Check) -> None:
    reading = health(document)
    assert reading is not None
    assert reading.check is check


@pytest.mark.parametrize(
    "document", [{}, {"status": "ok", "model": "x"}, {"status": "prose", "ready": True}]
)
def test_what_is_not_nanobots_health(document: dict[str, object]) -> None:
    assert health(document) is None


def test_nanobots_run_file_is_asked_anew_and_not_believed_blindly(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"agents": {"defaults": {"workspace": "/w"}}, "gateway": {"port": 4000}})
    )
    gateway = Gateway(tmp_path)
    assert gateway.url() == "http://127.0.0.1:4000/health"
    assert gateway.workspace() == Path("/w")
    assert (gateway.pid(), gateway.started(), gateway.python()) == (None, None, None)
    gateway.run_file.parent.mkdir()
    own = table().look(os.getpid())
    assert own is not None
    identity = f"{os.getpgid(0)}:{own.ticks}"
    said = {"pid": os.getpid(), "port": 5000, "workspace": "/x", "started_at": "rubbish"}
    said["identity"] = identity
    gateway.run_file.write_text(json.dumps(said))
    assert gateway.url() == "http://127.0.0.1:5000/health"
    assert gateway.workspace() == Path("/x")
    assert gateway.pid() == os.getpid()
    gateway.run_file.write_text(json.dumps({**said, "identity": f"{os.getpid()}:1"}))
    if Path("/proc/self/stat").exists():
        assert gateway.pid() is None, "another process got its number since"
        gateway.run_file.write_text(json.dumps({**said, "identity": None}))
        assert gateway.pid() is None, "its number alone tells nothing"


NOW = time.time()


def entry(status: str, *, enabled: bool = True, ran: float = 60.0) -> dict[str, object]:
    """A job as recorded from nanobot 0.3.5, its free text included."""
    return {
        "id": "x",
        "name": "Letter to a client",
        "enabled": enabled,
        "payload": {"message": "secret prose"},
        "state": {
            "lastStatus": status,
            "lastError": "secret error",
            "lastRunAtMs": int((NOW - ran) * 1000),
        },
    }


@pytest.mark.parametrize(
    ("jobs", "failed"),
    [
        ([], 0),
        ([entry("ok"), entry("skipped")], 0),
        ([entry("ok"), entry("error"), entry("error")], 2),
        ([entry("error", enabled=False)], 1),
        ([entry("error", enabled=False, ran=200_000)], 0),
        (["prose", {"state": None}, {"state": {"lastStatus": "secret"}}], 0),
    ],
)
def test_how_nanobots_jobs_ended(tmp_path: Path, jobs: list[object], failed: int) -> None:
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps({"version": 1, "jobs": jobs}))
    usage = UsageLog(tmp_path / "none.sqlite3")
    assert outcomes(path, usage, NOW) == Outcomes(len(jobs), failed)


@pytest.mark.parametrize("text", ["", "[]", '{"jobs": 5}'])
def test_a_job_list_that_cannot_be_read_is_unknown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "jobs.json"
    path.write_text(text)
    assert outcomes(path, UsageLog(tmp_path / "none"), NOW) is None
