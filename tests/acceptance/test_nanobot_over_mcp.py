"""The real nanobot with a scripted model: an operator by MCP, and a member of the fleet itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Mosquitto, free_port
from tests.support.nanobot import REASON, Nanobot, find_nanobot
from tests.support.served import Served, environment, fleet
from tests.support.stub_model import StubModel
from tests.support.waiting import wait_until

pytest.importorskip("mcp", reason="the extra mcp is not installed")

pytestmark = [
    pytest.mark.skipif(find_nanobot() is None, reason=REASON),
    pytest.mark.xdist_group("agents"),  # 100 MB each
    pytest.mark.timeout(180),
]

ROOT = Path(__file__).parents[2]
READ_ONLY = {
    "status", "describe", "check", "alerts", "history", "forecast", "versions", "audit", "tasks",
    "board", "rollouts", "pairs",
}  # fmt: skip
WIDE_AWAKE = 120.0
"""Seconds: nanobot alone needs some to start on a busy machine."""


@dataclass
class Stage:
    """A hub, and nanobot as its agent `ada` with a sidecar; its model is ours."""

    hub: Served
    nanobot: Nanobot
    model: StubModel
    programs: Path
    """What a user has on PATH: `fleet` and `bus-publish`."""

    def agent(self) -> dict[str, Any]:
        """What the hub says of `ada`; asked slowly enough for its rate limit."""
        time.sleep(0.2)
        status, body, _ = self.hub.ask("GET", "/v1/agents/ada")
        assert status in (200, 404), body
        return body if status == 200 else {}

    def is_well(self) -> bool:
        found = self.agent()
        return found.get("state") == "ok" and "agent" in (found.get("versions") or {})

    def alerts(self) -> set[str]:
        return set(self.agent()["alerts"])

    def turn(self, *calls: tuple[str, dict[str, Any]]) -> list[str]:
        """What the tools answered that the model called in one turn."""
        self.model.will_call(*calls)
        log = self.nanobot.ask(self.programs)
        assert len(self.model.results) == len(calls), (sorted(self.model.offered), log[-2000:])
        return list(self.model.results)

    def offered(self) -> set[str]:
        """The fleet's tools that the model was offered, by our names."""
        prefix = "mcp_fleet_"
        names = {name.removeprefix(prefix) for name in self.model.offered if prefix in name}
        return {name for name in names if not name.startswith("resource_")}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("helm")
    home = folder / "ada"
    home.mkdir()
    broker = Mosquitto(folder / "broker").start()
    hub = Served(folder / "home", broker).start()
    # nanobot gives its MCP servers no FLEET_*: the hub's own file must be enough.
    settings = f'broker = "{broker.url}"\nhttp = "127.0.0.1:{hub.port}"\n'
    (hub.home / "fleet.toml").write_text(settings)
    with StubModel() as model:
        nanobot = Nanobot(home, model.port)
        agent_env = home / ".config/fleet/agent.env"
        agent_env.parent.mkdir(parents=True)
        agent_env.write_text(
            f"FLEET_AGENT=ada\nFLEET_BROKER={broker.url}\nFLEET_DROP={folder}/drop\n"
            f"FLEET_HOME={folder}/state\nFLEET_INTERVAL=1\nFLEET_ENDPOINT_TIMEOUT=2\n"
        )
        environ = environment(home)
        del environ["FLEET_HOME"]
        sidecar = subprocess.Popen(
            [sys.executable, "-m", "agent_sidecar", "run"], env=environ, stderr=subprocess.DEVNULL
        )
        try:
            nanobot.start()
            found = Stage(hub, nanobot, model, programs(folder / "bin"))
            wait_until(found.is_well, WIDE_AWAKE, "ada's health and version at the hub")
            yield found
        finally:
            nanobot.kill()
            sidecar.terminate()
            sidecar.wait(20)
            hub.stop()
            broker.stop()


def programs(folder: Path) -> Path:
    """`fleet` and `bus-publish` as an installation would put them into /usr/local/bin."""
    folder.mkdir()
    (folder / "bus-publish").symlink_to(ROOT / "scripts/bus-publish")
    program = folder / "fleet"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m fleet "$@"\n')
    program.chmod(0o755)
    return folder


def snippet(stage: Stage) -> dict[str, Any]:
    """What `fleet mcp snippet` tells a user to put into nanobot's configuration."""
    printed = fleet("mcp", "snippet", "--for", "nanobot", environ=stage.hub.environ)
    assert printed.returncode == 0, printed.stderr
    document: dict[str, Any] = json.loads(printed.stdout)
    return document


def test_by_the_printed_snippet_it_reads_the_fleet_and_can_do_no_more(stage: Stage) -> None:
    stage.nanobot.write_config(**snippet(stage))
    status, described = stage.turn(
        ("mcp_fleet_status", {}), ("mcp_fleet_describe", {"agent": "ada"})
    )
    assert stage.offered() == READ_ONLY
    assert "1 agents" in status
    assert "- kind: nanobot" in described
    assert "agent 0.3.5" in described


def test_allowed_to_it_commands_and_its_actions_are_recorded(stage: Stage) -> None:
    tools = snippet(stage)["tools"]
    tools["mcpServers"]["fleet"]["args"] += ["--allow-commands", "--caller", "nanobot"]
    stage.nanobot.write_config(tools=tools)
    arguments = {"verb": "config-reload", "agents": ["ada"]}
    done, wrong = stage.turn(
        ("mcp_fleet_command", arguments), ("mcp_fleet_command", {**arguments, "verb": "rm"})
    )
    assert stage.offered() == READ_ONLY | {"command", "submit_task"}
    assert "DONE: config-reload: 1 of 1 done." in done
    assert "DONE" not in wrong
    lines = (stage.hub.home / "actions.jsonl").read_text().splitlines()
    actions = [json.loads(line) for line in lines]
    assert [(one["caller"], one["arguments"]) for one in actions] == [("nanobot", arguments)]


def test_over_http_it_needs_a_token_and_leave_to_speak_to_loopback(stage: Stage) -> None:
    address = f"127.0.0.1:{free_port()}"
    server = subprocess.Popen(
        [sys.executable, "-m", "fleet", "mcp", "--http", address],
        env=stage.hub.environ, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://{address}/mcp"
        wait_until(lambda: listens(address), what="the MCP server")
        headers = {"Authorization": f"Bearer {stage.hub.tokens['viewer']}"}
        tools: dict[str, Any] = {"mcpServers": {"fleet": {"url": url, "headers": headers}}}
        stage.nanobot.write_config(tools=tools)
        assert stage.turn() == []
        assert stage.offered() == set(), "nanobot refuses loopback unless told otherwise"
        stage.nanobot.write_config(tools={**tools, "ssrfWhitelist": ["127.0.0.1/32"]})
        [status] = stage.turn(("mcp_fleet_status", {}))
        assert stage.offered() == READ_ONLY
        assert "1 agents" in status
        tools["mcpServers"]["fleet"]["headers"] = {"Authorization": "Bearer wrong"}
        stage.nanobot.write_config(tools={**tools, "ssrfWhitelist": ["127.0.0.1/32"]})
        stage.turn()
        assert stage.offered() == set(), "no token, no tools"
    finally:
        server.terminate()
        server.wait(10)


def listens(address: str) -> bool:
    import http.client

    try:
        connection = http.client.HTTPConnection(address, timeout=5)
        connection.request("GET", "/mcp")
        refused = connection.getresponse().status == 401
        connection.close()
    except OSError:
        return False
    return refused


def test_from_its_shell_it_publishes_though_nothing_of_the_environment_is_left(
    stage: Stage,
) -> None:
    stage.nanobot.write_config(tools={"exec": {"pathAppend": str(stage.programs)}})
    env, published, wrong = stage.turn(
        ("exec", {"command": "env"}),
        ("exec", {"command": "bus-publish heartbeat errors_total=3 && echo sent"}),
        ("exec", {"command": "bus-publish heartbeat note=hello"}),
    )
    variables = dict(line.split("=", 1) for line in env.splitlines() if "=" in line)
    assert not [name for name in variables if name.startswith("FLEET_")]
    assert "/usr/local/bin" in variables["PATH"].split(os.pathsep), "where we install it"
    assert "sent" in published
    assert "text" in wrong, "one line says what is allowed"
    wait_until(
        lambda: stage.agent()["metrics"].get("errors_total") == 3, what="its metric at the hub"
    )


def test_hung_killed_restarted_and_reconfigured_it_is_seen_as_what_it_is(stage: Stage) -> None:
    nanobot = stage.nanobot

    def is_ok() -> bool:
        return stage.agent()["state"] == "ok"

    def shows(code: str) -> bool:
        return code in stage.alerts()

    nanobot.signal(signal.SIGSTOP)
    wait_until(lambda: shows("endpoint-down"), WIDE_AWAKE, "the alert on a hung gateway")
    wait_until(lambda: stage.agent()["state"] == "degraded", WIDE_AWAKE, "its sidecar lives")
    assert stage.agent()["checks"]["process"] != "fail", "and so does the process"
    nanobot.signal(signal.SIGCONT)
    wait_until(is_ok, WIDE_AWAKE, "its recovery")

    nanobot.kill()
    wait_until(lambda: shows("process-down"), WIDE_AWAKE, "the alert on a killed gateway")
    nanobot.start()
    wait_until(lambda: not shows("process-down"), WIDE_AWAKE, "the end of the alert")
    wait_until(is_ok, WIDE_AWAKE, "its return")

    if shows("config-drift"):  # from the turns of the other tests: accepted as the new normal
        acknowledge = fleet("alerts", "ack", "ada", "config-drift", environ=stage.hub.environ)
        assert acknowledge.returncode == 0, acknowledge.stderr
        wait_until(lambda: not shows("config-drift"), what="the end of the accepted drift")
    before = stage.agent()["config"]
    (nanobot.workspace / "SOUL.md").write_text("Another client's secret.")
    wait_until(lambda: shows("config-drift"), WIDE_AWAKE, "the alert on a changed profile")
    changed = wait_until(lambda: stage.agent()["config"] != before and stage.agent()["config"])
    skill = nanobot.workspace / "skills/letters/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: letters\ndescription: secret\n---\nWrite letters.")
    wait_until(
        lambda: stage.agent()["config"] not in (before, changed), what="the digest with a skill"
    )
    assert "secret" not in json.dumps(stage.agent())
