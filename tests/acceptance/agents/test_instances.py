"""Real agents that are not alone, not here, or not the release that they were: neighbours without
a run file, containers seen from the host, and another release put in the place of one that runs."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest

from agent_sidecar.config import load
from agent_sidecar.kinds import assemble, openclaw_program
from agent_sidecar.probes import installed as installed_probe
from agent_sidecar.probes.base import Assembly, ProbeResult
from fleet.contract.vocabulary import AlertCode, Check
from tests.support.installed_agents import installed, needs
from tests.support.namespaces import can_contain, contained, numbers
from tests.support.real_agents import Agent, Nanobot, OpenClaw, made
from tests.support.staged_agent import BUSY
from tests.support.stub_model import StubModel
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
    pytest.mark.xdist_group("agents"),
    pytest.mark.timeout(240),
]


def beside(agent: Agent) -> Assembly:
    settings = {
        "FLEET_AGENT": "alpha",
        "FLEET_KIND": agent.name,
        "FLEET_AGENT_HOME": str(agent.folder),
        "FLEET_DISK": "-",
        "FLEET_MEMORY": "-",
        "FLEET_ENDPOINT_TIMEOUT": "2",
    }
    return assemble(load(environ=settings))


def look(assembly: Assembly) -> dict[str, ProbeResult]:
    return {probe.name: probe.run() for probe in assembly.probes}


def drifted(results: dict[str, ProbeResult]) -> bool:
    return any(
        sign.firing for sign in results["version"].evidence if sign.code == AlertCode.VERSION_DRIFT
    )


CONTAINED = ("nanobot-0.3.5", "nanobot-0.2.2", "hermes-0.19.0")


@pytest.mark.skipif(not can_contain(), reason="needs root, and namespaces")
@pytest.mark.parametrize("name", [pytest.param(one, marks=needs(one)) for one in CONTAINED])
def test_an_agent_in_a_container_is_known_from_the_host(name: str, tmp_path: Path) -> None:
    with StubModel() as model, made(name, tmp_path / "home", model.port) as agent:
        agent.schedule()
        agent.start(*contained(agent.home))
        assembly = beside(agent)
        pid = wait_until(assembly.pid, BUSY, "the agent's own word on who it is")
        assert pid != agent.pid, "the program that made the namespaces"
        assert numbers(pid)[0] == pid != numbers(pid)[1], "its own file has the other number"
        assert look(assembly)["process"].check is Check.PASS
        own = {"agent": agent.version}
        wait_until(lambda: look(assembly)["version"].versions == own, BUSY, "its own interpreter")
        jobs = "cron_jobs"
        wait_until(lambda: look(assembly)["cron"].metrics.get(jobs, 0) >= 1, BUSY, "its workspace")
        process = next(probe for probe in assembly.probes if probe.name == "process")
        agent.kill()
        # What is killed is the maker of the namespaces; the kernel ends the agent after it.
        wait_until(lambda: process.run().check is Check.FAIL, BUSY, "the end of the container")


OLD = ("nanobot-0.3.0", "nanobot-0.2.2")


@pytest.mark.skipif(not all(map(installed, OLD)), reason="sh scripts/agents.sh installs them")
def test_of_two_that_write_no_run_file_each_is_its_own(tmp_path: Path) -> None:
    with (
        StubModel() as model,
        made(OLD[0], tmp_path / "one", model.port) as first,
        made(OLD[1], tmp_path / "two", model.port) as second,
    ):
        assert beside(first).pid() is None
        second.start()
        assert beside(first).pid() is None, "a neighbour of the same user, and the only one"
        first.start()
        watched = [beside(first), beside(second)]
        assert [one.pid() for one in watched] == [first.pid, second.pid]
        checks = [look(one)["process"].check for one in watched]
        assert checks == [Check.PASS, Check.PASS]
        second.kill()
        assert [one.pid() for one in watched] == [first.pid, None]


def place(release: str, prefix: Path) -> None:
    """That release in `prefix`, as pip leaves it: its own files are new, what it needs is linked.
    Whatever other release was there is gone."""
    cached = installed(f"nanobot-{release}")
    assert cached is not None
    packages = next(cached.glob("lib/python3*/site-packages"))
    there = prefix / packages.relative_to(cached)
    shutil.rmtree(there, ignore_errors=True)
    there.mkdir(parents=True)
    for entry in packages.iterdir():
        if entry.name.startswith("nanobot_ai-"):
            shutil.copytree(entry, there / entry.name)
            (there / entry.name).touch()  # copytree keeps the time, pip does not
        else:
            (there / entry.name).symlink_to(entry)
    python = prefix / "bin/python"
    if not python.exists():
        python.parent.mkdir()
        python.symlink_to((cached / "bin/python").readlink())
        (prefix / "pyvenv.cfg").write_text((cached / "pyvenv.cfg").read_text())
    script = (cached / "bin/nanobot").read_text().splitlines(keepends=True)
    (prefix / "bin/nanobot").write_text(f"#!{python}\n" + "".join(script[1:]))
    (prefix / "bin/nanobot").chmod(0o755)


@pytest.mark.skipif(
    not all(map(installed, ("nanobot-0.3.5", "nanobot-0.3.0"))),
    reason="sh scripts/agents.sh installs them",
)
def test_a_release_put_in_place_drifts_until_the_restart_and_so_does_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = 0.5  # s: an update comes later than a test's
    monkeypatch.setattr(installed_probe, "SLACK", slack)
    prefix = tmp_path / "venv"
    place("0.3.0", prefix)
    with StubModel() as model, Nanobot("0.3.0", tmp_path / "home", model.port) as agent:
        agent.program = prefix
        agent.start()
        assembly = beside(agent)
        for release in ("0.3.5", "0.3.0"):
            was = agent.version
            assert look(assembly)["version"].versions == {"agent": was}
            time.sleep(2 * slack)
            place(release, prefix)
            wait_until(lambda: drifted(look(assembly)), BUSY, "the drift")
            found = look(assembly)
            assert found["version"].versions == {"agent": was}, "that is what runs"
            agent.kill()
            assert look(assembly)["process"].check is Check.FAIL
            agent.version = release
            agent.start()
            found = look(assembly)
            assert not drifted(found)
            assert found["process"].check is Check.PASS, "with a run file or without one"
            assert found["version"].versions == {"agent": release}


BEFORE, NEWEST = "2026.9.5", "2026.9.6"


def unpack(release: str, prefix: Path) -> None:
    """That release in `prefix`, in place of what was there, as npm leaves it; Node stays."""
    cached = installed(f"openclaw-{release}")
    assert cached is not None
    packages, new, old = (prefix / name for name in ("node_modules", "new", "old"))
    shutil.copytree(cached / "node_modules", new, symlinks=True)
    [node] = new.glob("node-linux-*/bin/node")
    if packages.exists():
        packages.rename(old)
        shutil.rmtree(old)
    else:
        (prefix / "bin").mkdir()
        node.rename(prefix / "bin/node")
    new.rename(packages)


@needs(f"openclaw-{NEWEST}")
@pytest.mark.skipif(
    installed(f"openclaw-{BEFORE}") is None,
    reason=f"openclaw-{BEFORE} is not installed; sh scripts/agents.sh --all-releases installs it",
)
@pytest.mark.timeout(1500)
def test_openclaw_put_in_place_drifts_and_the_way_back_wants_its_state_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openclaw_program, "PATIENCE", BUSY)
    prefix = tmp_path / "prefix"
    unpack(BEFORE, prefix)
    with StubModel() as model, OpenClaw(BEFORE, tmp_path / "home", model.port) as agent:
        agent.program = prefix
        agent.start()
        agent.add_job()
        assembly = beside(agent)
        wait_until(lambda: tells(assembly, BEFORE), BUSY, "all planes of the first release")
        unpack(NEWEST, prefix)
        wait_until(lambda: drifted(look(assembly)), BUSY, "the drift")
        found = look(assembly)
        assert found["version"].versions == {"agent": BEFORE}, "that is what runs"
        assert found["process"].check is Check.PASS
        assert found["schedule"].check is not Check.FAIL, "its jobs go on, and nobody tells"
        agent.kill()
        assert look(assembly)["process"].check is Check.FAIL
        agent.version = NEWEST
        agent.start()
        wait_until(lambda: tells(assembly, NEWEST), BUSY, "all planes of the newest release")

        unpack(BEFORE, prefix)
        assert agent.process is not None
        agent.process.wait(BUSY)  # the newest one looks itself, and ends
        assert look(assembly)["process"].check is Check.FAIL
        agent.start(wait=False)
        assert agent.process.wait(BUSY) == DO_NOT_RESTART, "its databases are of the newest"
        assert look(assembly)["process"].check is Check.FAIL
        for copy in agent.folder.rglob("*.pre-startup-migration-*.bak"):
            restored = copy.with_name(copy.name.partition(".pre-startup-")[0])
            for beside_it in ("-wal", "-shm"):
                restored.with_name(f"{restored.name}{beside_it}").unlink(missing_ok=True)
            copy.replace(restored)
        agent.version = BEFORE
        agent.start()
        wait_until(lambda: tells(assembly, BEFORE), BUSY, "all planes of the first release")


DO_NOT_RESTART = 78
"""An exit code of OpenClaw's; `agent-sidecar exec` keeps to it."""


def tells(assembly: Assembly, release: str) -> bool:
    """Whether that release runs, is the one that is installed, and answers to all."""
    found = look(assembly)
    well = all(found[name].check is Check.PASS for name in ("process", "schedule", "cron"))
    return well and found["version"].versions == {"agent": release} and not drifted(found)
