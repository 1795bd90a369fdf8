"""The kind hermes, by the files that 0.19.0 leaves: up, lost channels, failing jobs, killed."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar.config import load
from agent_sidecar.kinds import assemble, instances
from agent_sidecar.probes.base import Assembly, ProbeResult
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Check
from tests.support.hermes import Hermes
from tests.support.openclaw import ticks_of, titled

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
    pytest.mark.xdist_group("agents"),  # each looks at all agents of this machine
]

SETTINGS = {"FLEET_AGENT": "alpha", "FLEET_DISK": "-", "FLEET_MEMORY": "-"}


@pytest.fixture
def hermes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hermes]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HERMES_HOME", raising=False)
    with Hermes(tmp_path / ".hermes") as one:
        yield one


def assembled(**settings: str) -> Assembly:
    return assemble(load(environ={**SETTINGS, **settings}))


def look(assembly: Assembly) -> dict[str, ProbeResult]:
    return {probe.name: probe.run() for probe in assembly.probes}


def raised(results: dict[str, ProbeResult]) -> set[str]:
    return {str(s.code) for result in results.values() for s in result.evidence if s.firing}


def test_the_life_of_a_gateway(hermes: Hermes) -> None:
    assembly = assembled()
    assert assembly.kind == "hermes", "found by looking"
    before = look(assembly)
    assert before["process"].check is Check.FAIL
    assert before["channels"].check is before["cron"].check is Check.UNKNOWN
    hermes.start()
    hermes.jobs({"enabled": True, "last_status": "ok", "last_run_at": time.time()})
    hermes.called(3, (1000, 50))
    up = look(assembly)
    assert assembly.pid() == hermes.pid
    assert raised(up) == set()
    assert {name: result.check for name, result in up.items()} == dict.fromkeys(up, Check.PASS)
    assert up["channels"].metrics == {"channels": 2, "channels_failed": 0}
    assert up["usage"].metrics["model_calls_total"] == 3
    assert up["usage"].metrics["tokens_input_total"] == 1000
    assert "errors_total" not in up["usage"].metrics, "failed calls leave no row: not known, not 0"
    hermes.kill()
    dead = look(assembly)
    assert raised(dead) == {"process-down"}
    assert dead["channels"].check is Check.UNKNOWN, "its state file still says connected"


def test_a_lost_channel_fails_its_plane(hermes: Hermes) -> None:
    hermes.start()
    hermes.platforms(telegram="fatal", discord="connected", slack="retrying", other="new-word")
    found = look(assembled())["channels"]
    assert found.check is Check.FAIL
    assert found.metrics == {"channels": 4, "channels_failed": 2}


def test_failing_jobs_are_seen_also_one_that_is_gone(hermes: Hermes) -> None:
    assembly = assembled()
    hermes.jobs({"enabled": True, "last_status": "error"}, {"enabled": True, "last_status": None})
    failing = look(assembly)["cron"]
    assert failing.metrics == {"cron_jobs": 2, "cron_jobs_failed": 1}
    hermes.jobs()
    assert look(assembly)["cron"].check is Check.PASS
    hermes.executions("completed", "failed", "running")
    assert look(assembly)["cron"].check is Check.FAIL, "a one-shot job disappears after failing"
    hermes.executions("completed")
    assert look(assembly)["cron"].check is Check.PASS


def test_a_gateway_that_stands_still_is_a_warning(hermes: Hermes) -> None:
    hermes.start()
    beat = hermes.folder / "state/gateway.heartbeat"
    os.utime(beat, (time.time() - 3600,) * 2)
    assert look(assembled())["own heartbeat"].check is Check.WARN
    hermes.kill()
    dead = look(assembled())
    assert dead["own heartbeat"].check is Check.PASS, "a dead one has no beat"
    assert dead["process"].check is Check.FAIL


def test_a_heartbeat_without_a_process_is_another_containers(hermes: Hermes) -> None:
    hermes.start()
    for name in ("gateway.pid", "gateway.lock"):
        (hermes.folder / name).write_text(json.dumps({"pid": 2, "kind": "hermes-gateway"}))
    assert look(assembled())["process"].check is Check.UNKNOWN


def test_chat_and_dashboard_are_not_the_gateway(hermes: Hermes) -> None:
    chat = titled("hermes")
    try:
        assembly = assembled()
        assert assembly.pid() is None
        said = {"pid": chat.pid, "kind": "hermes-chat", "start_time": ticks_of(chat.pid)}
        (hermes.folder / "gateway.pid").write_text(json.dumps(said))
        assert assembly.pid() is None
        said = {"pid": chat.pid, "kind": "hermes-gateway", "start_time": ticks_of(chat.pid) - 1}
        (hermes.folder / "gateway.pid").write_text(json.dumps(said))
        assert assembly.pid() is None
    finally:
        chat.kill()
        chat.wait()


def test_a_profile_is_an_instance_of_its_own(hermes: Hermes) -> None:
    hermes.start()
    with Hermes(hermes.folder / "profiles/work") as work:
        assert [one.pid for one in instances(load(environ=SETTINGS))] == [hermes.pid]
        work.start()
        assert [one.pid for one in instances(load(environ=SETTINGS))] == [hermes.pid, work.pid]
        with pytest.raises(ConfigError, match="2 instances of Hermes"):
            assembled()
        for name, pid in (("work", work.pid), ("default", hermes.pid), (work.folder, work.pid)):
            assert assembled(FLEET_KIND="hermes", FLEET_INSTANCE=str(name)).pid() == pid


def test_nothing_that_somebody_wrote_leaves(hermes: Hermes) -> None:
    hermes.start()
    hermes.platforms(**{"secret channel": "fatal"})
    hermes.jobs({"enabled": True, "last_status": "secret"})
    hermes.executions("failed")
    hermes.called(1, (1, 1))
    assert "secret" not in repr(look(assembled()))


def test_rubbish_in_its_files_is_unknown_and_no_traceback(hermes: Hermes) -> None:
    hermes.start()
    for name in ("gateway_state.json", "cron/jobs.json", "state.db", "gateway.pid", "gateway.lock"):
        (hermes.folder / name).write_text("[1, {")
    results = look(assembled())
    assert {name for name, one in results.items() if one.check is Check.UNKNOWN} == {
        *("process", "channels", "cron", "schedule", "usage"),
    }
