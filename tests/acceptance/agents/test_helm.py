"""Hermes and OpenClaw at the helm, with a scripted model: by the printed snippet they read the
fleet, they command it only where that is allowed, and publish from their own shell."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.test_nanobot_over_mcp import programs
from tests.support.broker import Mosquitto
from tests.support.installed_agents import needs
from tests.support.real_agents import Agent, made
from tests.support.served import Served, fleet
from tests.support.sidecar import Sidecar
from tests.support.stub_model import StubModel
from tests.support.waiting import wait_until

pytest.importorskip("mcp", reason="the extra mcp is not installed")

pytestmark = [pytest.mark.xdist_group("agents"), pytest.mark.timeout(420)]

COMMAND = {"verb": "health-check", "agents": ["ada"]}


@dataclass
class Helm:
    """A hub, the sidecar of its agent `ada`, and an agent that gets the hub's tools."""

    hub: Served
    agent: Agent
    model: StubModel
    programs: Path

    def run(self, *argv: str, text: str = "") -> str:
        path = f"{self.programs}:{self.agent.environ['PATH']}"
        done = subprocess.run(
            argv, env={**self.agent.environ, "PATH": path}, cwd=self.agent.home,
            input=text, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-2000:]
        return said

    def paste(self) -> None:
        """What `fleet mcp snippet` tells a user to run."""
        printed = fleet("mcp", "snippet", "--for", self.agent.name, environ=self.hub.environ)
        assert printed.returncode == 0, printed.stderr
        self.run("sh", "-c", printed.stdout)

    def ada(self) -> dict[str, Any]:
        status, body, _ = self.hub.ask("GET", "/v1/agents/ada")
        return body if status == 200 else {}

    @property
    def publishes(self) -> str:
        """As from `/usr/local/bin`, which alone is left of PATH in some shells."""
        return f"{self.programs}/bus-publish heartbeat errors_total=3 && echo sent"


@pytest.fixture
def helm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Helm]:
    broker = Mosquitto(tmp_path / "broker").start()
    hub = Served(tmp_path / "home", broker).start()
    settings = f'broker = "{broker.url}"\nhttp = "127.0.0.1:{hub.port}"\n'
    (hub.home / "fleet.toml").write_text(settings)
    sidecar = Sidecar(tmp_path / "beside", broker.url, "ada").start()
    try:
        with StubModel() as model, made(request.param, tmp_path / "agent", model.port) as agent:
            env = agent.home / ".config/fleet/agent.env"
            env.parent.mkdir(parents=True)
            env.write_text(
                f"FLEET_AGENT=ada\nFLEET_BROKER={broker.url}\nFLEET_DROP={sidecar.drop}\n"
            )
            found = Helm(hub, agent, model, programs(tmp_path / "bin"))
            wait_until(lambda: found.ada().get("state") == "ok", what="ada at the hub")
            found.paste()
            yield found
    finally:
        sidecar.stop()
        hub.stop()
        broker.stop()


def allowed(args: list[str]) -> dict[str, Any]:
    """A second server, beside the printed one, that may command."""
    return {"command": "fleet", "args": [*args, "--allow-commands", "--caller", "helm"]}


def actions(helm: Helm) -> list[tuple[str, dict[str, Any]]]:
    lines = (helm.hub.home / "actions.jsonl").read_text().splitlines()
    return [(one["caller"], one["arguments"]) for one in map(json.loads, lines)]


@pytest.mark.parametrize(
    "helm", [pytest.param("hermes-0.19.0", marks=needs("hermes-0.19.0"))], indirect=True
)
def test_hermes(helm: Helm) -> None:
    settings = yaml.safe_load(helm.agent.settings.read_text())
    servers = settings["mcp_servers"]
    servers["helm"] = {**servers["fleet"], **allowed(servers["fleet"]["args"])}
    helm.agent.settings.write_text(yaml.safe_dump(settings))
    helm.model.will_call(
        ("mcp__fleet__status", {}),
        ("mcp__helm__command", COMMAND),
        ("mcp__helm__audit", {}),
        ("terminal", {"command": helm.publishes}),
    )
    words = ("chat", "-q", "How are they?", "--yolo", "-Q", "-t", "fleet,helm,terminal")
    said = helm.run(helm.agent.argv[0], *words)
    assert len(helm.model.results) == 4, (sorted(helm.model.offered), said[-2000:])
    assert "mcp__fleet__command" not in helm.model.offered, "the printed snippet is read-only"
    status, done, audit, published = helm.model.results
    judge(helm, status, done, audit, published)


@pytest.mark.parametrize(
    "helm", [pytest.param("openclaw-2026.9.6", marks=needs("openclaw-2026.9.6"))], indirect=True
)
def test_openclaw(helm: Helm) -> None:
    settings = json.loads(helm.agent.settings.read_text())
    servers = settings["mcp"]["servers"]
    servers["helm"] = allowed(servers["fleet"]["args"])
    helm.agent.settings.write_text(json.dumps(settings))

    def tool(name: str, **args: Any) -> tuple[str, dict[str, Any]]:
        return "tool_call", {"id": name, "args": args}

    helm.model.will_call(
        ("tool_search", {"query": "fleet status"}),
        tool("mcp:fleet:fleet__status"),
        tool("mcp:fleet:fleet__command", **COMMAND),
        tool("mcp:helm:helm__command", **COMMAND),
        tool("mcp:helm:helm__audit"),
        ("exec", {"command": helm.publishes}),
    )
    words = ("agent", "--local", "--agent", "main", "--message", "How are they?", "--json")
    said = helm.run(helm.agent.argv[0], *words)
    assert len(helm.model.results) == 6, (sorted(helm.model.offered), said[-2000:])
    found, status, refused, done, audit, published = helm.model.results
    assert "mcp:fleet:fleet__status" in found, "behind its search for tools it is found"
    assert "Unknown tool id" in refused, "the printed snippet is read-only"
    judge(helm, status, done, audit, published)


def judge(helm: Helm, status: str, done: str, audit: str, published: str) -> None:
    assert "1 agents" in status
    assert "1 of 1 done" in done
    assert actions(helm) == [("helm", COMMAND)], "what it did is recorded, what was refused is not"
    assert "audit" in audit.lower()
    assert "error" not in audit.lower()
    assert "sent" in published
    wait_until(lambda: helm.ada()["metrics"].get("errors_total") == 3, what="its metric at the hub")
