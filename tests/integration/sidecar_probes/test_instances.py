"""Several instances of an agent on one machine: all are found, none is guessed, none is mixed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from agent_sidecar.check import explain
from agent_sidecar.config import Config, load
from agent_sidecar.kinds import assemble, instances, kind_of
from agent_sidecar.probes.base import ProbeResult
from agent_sidecar.probes.processes import table
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Check, Kind
from tests.support.broker import free_port
from tests.support.http_stub import Stub, answer
from tests.support.openclaw import OpenClaw, titled

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
    pytest.mark.xdist_group("agents"),  # each looks at all agents of this machine
]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OPENCLAW_STATE_DIR", raising=False)
    return tmp_path


@pytest.fixture
def two(user: Path) -> Iterator[tuple[OpenClaw, OpenClaw]]:
    """Two living OpenClaws of one user: the default one, and the profile `work`."""
    with ExitStack() as stack:
        gateways = [
            stack.enter_context(OpenClaw(user / name, free_port()).start())
            for name in (".openclaw", ".openclaw-work")
        ]
        yield gateways[0], gateways[1]


def config(**settings: object) -> Config:
    texts = {name: str(value) for name, value in settings.items()}
    return load(environ={"FLEET_AGENT": "alpha", "FLEET_DISK": "-", "FLEET_MEMORY": "-", **texts})


def look(settings: Config) -> dict[str, ProbeResult]:
    return {probe.name: probe.run() for probe in assemble(settings).probes}


def _until_error(lines: Iterator[str]) -> Iterator[str]:
    with suppress(ConfigError):
        yield from lines


def test_two_openclaws_are_both_found_and_none_is_guessed(two: tuple[OpenClaw, OpenClaw]) -> None:
    assert [(one.pid, one.port) for one in instances(config())] == [(g.pid, g.port) for g in two]
    with pytest.raises(ConfigError, match="2 instances of OpenClaw are here") as refusal:
        assemble(config())
    assert refusal.value.remedy == f"FLEET_INSTANCE={two[0].folder}"
    lines = explain(config())
    said = "\n".join(_until_error(lines))
    for gateway in two:
        assert f"{gateway.folder}: process {gateway.pid}, port {gateway.port}" in said


def test_one_that_runs_in_another_home_is_shown_and_not_taken(user: Path) -> None:
    """Nothing leads to its folder but the database that its process has open."""
    with ExitStack() as stack:
        own = stack.enter_context(OpenClaw(user / ".openclaw", free_port()).start())
        other = stack.enter_context(OpenClaw(user / "srv/.openclaw", free_port()).start())
        said = "\n".join(explain(config()))
        assert f"here    {own.folder}: process {own.pid}, port {own.port}" in said
        shown = f"beside  {other.folder}: process {other.pid}, port {other.port}; "
        assert shown + f"FLEET_INSTANCE={other.folder} chooses it" in said
        assert f"{own.folder}: it is the only one in a usual place" in said
        assert assemble(config()).pid() == own.pid
        assert assemble(config(FLEET_INSTANCE=other.folder)).pid() == other.pid
        assert "beside  " not in "\n".join(explain(config(FLEET_AGENT_HOME=own.folder)))


def test_each_way_to_name_an_instance_chooses_it(two: tuple[OpenClaw, OpenClaw]) -> None:
    first, second = two
    for name, chosen in (
        ("work", second),
        ("default", first),
        (second.folder, second),
        ("~/.openclaw-work", second),
        (second.folder / "openclaw.json", second),
    ):
        settings = config(FLEET_INSTANCE=name, FLEET_KIND="openclaw")
        assert assemble(settings).pid() == chosen.pid
        if "/" in str(name):
            assert kind_of(config(FLEET_INSTANCE=name)) is Kind.OPENCLAW
    assembly = assemble(config(FLEET_AGENT_HOME=first.folder))
    assert assembly.pid() == first.pid
    assert any("FLEET_AGENT_HOME names its folder" in line for line in assembly.found)


def test_the_agents_own_environment_names_it_under_exec(
    two: tuple[OpenClaw, OpenClaw], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_STATE_DIR", str(two[1].folder))
    assert assemble(config()).pid() == two[1].pid
    assert assemble(config(FLEET_AGENT_HOME=two[0].folder)).pid() == two[0].pid


def test_the_death_of_one_is_not_covered_by_the_life_of_the_other(
    two: tuple[OpenClaw, OpenClaw],
) -> None:
    first, second = two
    assembly = assemble(config(FLEET_INSTANCE=second.folder))
    process = next(probe for probe in assembly.probes if probe.name == "process")
    assert process.run().check is Check.PASS
    second.kill()
    assert process.run().check is Check.FAIL
    assert assembly.pid() is None
    second.lock.unlink()
    assert assembly.pid() is None, "the title alone would be the other one's"
    assert first.pid


def test_the_second_ones_port_is_asked_and_not_the_usual_one(user: Path) -> None:
    with ExitStack() as stack:
        live = answer({"ok": True, "status": "live"})
        stub = stack.enter_context(Stub(lambda connection, _: connection.sendall(live)))
        with OpenClaw(user / ".openclaw-work", stub.port) as work:
            results = look(config())
            assert results["endpoint /healthz"].check is Check.PASS, "by its configuration"
            (work.folder / "openclaw.json").write_text(f"{{gateway: {{port: {stub.port},}},}} // 5")
            assert look(config())["endpoint /healthz"].check is Check.PASS
            (work.folder / "openclaw.json").write_text("{}")
            work.start()
            assert look(config())["endpoint /healthz"].check is Check.PASS, "by its lock"


def test_a_workspace_elsewhere_is_fingerprinted(user: Path) -> None:
    workspace = user / "elsewhere"
    workspace.mkdir()
    soul = workspace / "SOUL.md"
    soul.write_text("one")
    agents = {"defaults": {"workspace": str(workspace)}}
    with OpenClaw(user / ".openclaw", free_port(), agents=agents):
        before = look(config())["config"].config
        soul.write_text("another")
        assert look(config())["config"].config != before


def nanobot(folder: Path, name: str, run_file: str, pid: int, port: int, **said: object) -> Path:
    """A configuration and a run file as nanobot 0.3.5 writes it."""
    (folder / "run").mkdir(parents=True, exist_ok=True)
    settings = folder / name
    settings.write_text(json.dumps({"gateway": {"port": port}}))
    process = table().look(pid)
    assert process is not None
    document = {
        "pid": pid,
        "identity": f"{os.getpgid(pid)}:{process.ticks}",
        "port": port,
        "workspace": None,
        "config_path": None if run_file == "gateway.json" else str(settings),
        **said,
    }
    (folder / "run" / run_file).write_text(json.dumps(document))
    return settings


def test_a_nanobot_of_another_configuration_is_another_instance(user: Path) -> None:
    folder = user / ".nanobot"
    with ExitStack() as stack:
        processes = [titled("nanobot-gateway") for _ in range(2)]
        for process in processes:
            stack.callback(process.wait)
            stack.callback(process.kill)
        first, second = (process.pid for process in processes)
        usual = nanobot(folder, "config.json", "gateway.json", first, 18790)
        assert assemble(config()).pid() == first, "one alone needs no name"
        work = nanobot(folder, "work.json", "gateway.0a1b2c.json", second, 18791)
        assert [one.pid for one in instances(config())] == [first, second]
        with pytest.raises(ConfigError, match="2 instances of nanobot"):
            assemble(config())
        for settings, pid, port in ((usual, first, 18790), (work, second, 18791)):
            assembly = assemble(config(FLEET_INSTANCE=settings))
            assert assembly.pid() == pid
            assert any(f":{port}/health" in line for line in assembly.found)
        run_file = folder / "run/gateway.0a1b2c.json"
        assert assemble(config(FLEET_INSTANCE=run_file)).pid() == second
        chosen = assemble(config(FLEET_INSTANCE=work))
        processes[1].kill()
        processes[1].wait()
        assert chosen.pid() is None, "the first one lives, and is another"


def test_agents_of_two_kinds_are_not_guessed_between(user: Path) -> None:
    nanobot(user / ".nanobot", "config.json", "gateway.json", os.getpid(), 18790)
    with OpenClaw(user / ".openclaw", free_port()):
        with pytest.raises(ConfigError, match="agents of two kinds are here"):
            kind_of(config())
        assert kind_of(config(FLEET_KIND="openclaw")) is Kind.OPENCLAW
        assert kind_of(config(FLEET_INSTANCE=user / ".nanobot")) is Kind.NANOBOT


def test_an_instance_whose_files_do_not_say_its_kind_is_an_error(user: Path) -> None:
    with pytest.raises(ConfigError, match="of which kind"):
        kind_of(config(FLEET_INSTANCE=user / "nothing"))


def test_an_old_nanobot_without_a_run_file_is_healthy(user: Path) -> None:
    """0.3.0 and 0.2.2: `/health` is `{"status":"ok"}`, and no file names the process."""
    with Stub(lambda connection, _: connection.sendall(answer({"status": "ok"}))) as stub:
        folder = user / ".nanobot"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"gateway": {"port": stub.port}}))
        results = look(config(FLEET_KIND="nanobot"))
    assert results["endpoint /health"].check is Check.PASS
    process = results["process"]
    assert process.check is not Check.FAIL, "somebody answers: it is unseen, not dead"
    assert not any(sign.firing for result in results.values() for sign in result.evidence)


def test_a_clean_stop_does_not_make_another_configurations_gateway_ours(user: Path) -> None:
    folder = user / ".nanobot"
    (folder / "run").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    other = titled("nanobot-gateway")
    try:
        assert assemble(config()).pid() is None
    finally:
        other.kill()
        other.wait()
