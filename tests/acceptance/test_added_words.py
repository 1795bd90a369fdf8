"""A plane and an alert code that a deployment adds, through every door, by real processes."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.broker import Mosquitto
from tests.support.one_liner import ROOT, bin_without, run
from tests.support.served import Served, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

GPU = "---\nstatus: accepted\nadds: {planes: [gpu0], alert_codes: [gpu-hot]}\n---\n# A GPU\n"
HOT = ["alert", "code=gpu-hot", "severity=critical", "value=97"]
TS = "2027-01-15T08:00:00Z"


class Deployment:
    """A broker, a hub and the sidecar of ada, who all read one folder of ADRs."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.broker = folder, broker
        self.adr = folder / "adr"
        self.adr.mkdir()
        self.sidecar = Sidecar(folder / "beside", broker.url, "ada", FLEET_ADR=str(self.adr))
        (folder / "home").mkdir()
        self.hub = Served(folder / "home", broker, FLEET_ADR=str(self.adr))
        self._path = bin_without(folder / "bin")

    def accept(self) -> None:
        (self.adr / "gpu.md").write_text(GPU)

    def publish(self, *words: str, agent: str = "ada", **more: str) -> tuple[int, str]:
        """One call of `bus-publish`: (exit code, what it complains of)."""
        environ = {
            "FLEET_AGENT": agent, "FLEET_BROKER": self.broker.url, "FLEET_ADR": str(self.adr),
            "FLEET_DROP": str(self.sidecar.drop), "PYTHONPATH": ROOT, **more,
        }  # fmt: skip
        answer = run(*words, home=self.folder, path=self._path, **environ)
        return answer.returncode, answer.stderr

    def fleet(self, *words: str) -> str:
        done = fleet(*words, environ=self.hub.environ)
        assert "Traceback" not in done.stderr
        return done.stdout

    def seen(self, agent: str) -> dict[str, Any]:
        """The agent's view at the hub; empty: unknown there."""
        agents = self.hub.get("/v1/agents")["agents"]
        return next((view for view in agents if view["agent"] == agent), {})

    def wait_for_check(self, agent: str, word: str) -> None:
        wait_until(
            lambda: self.seen(agent).get("checks", {}).get("gpu0") == word,
            what=f"gpu0={word} of {agent} at the hub",
        )


@pytest.fixture
def deployment(tmp_path: Path, broker: Mosquitto) -> Iterator[Deployment]:
    made = Deployment(tmp_path, broker)
    yield made
    made.sidecar.stop()
    made.hub.stop()


def claimed(sidecar: Sidecar) -> str:
    file = sidecar.drop / ".agent"
    return file.read_text() if file.exists() else ""


def test_a_sidecar_learns_a_word_and_until_then_the_caller_is_told(
    deployment: Deployment,
) -> None:
    sidecar = deployment.sidecar.start()
    wait_until(lambda: claimed(sidecar) == "ada\n", what="the drop directory")
    code, told = deployment.publish("heartbeat", "gpu0=fail")
    assert (code, "checks are of: " in told) == (3, True)
    deployment.accept()
    for words in (["heartbeat", "gpu0=fail"], HOT):
        code, told = deployment.publish(*words)
        assert code == 3
        assert "the sidecar does not know gpu" in told
        assert "\nTry: restart the sidecar, or kill -HUP it" in told
    answer = sidecar.call("publish", "heartbeat", "gpu0=fail")
    assert answer.returncode == 3
    assert "the sidecar does not know a word of this heartbeat yet" in answer.stderr
    assert list((sidecar.drop / "rejected").iterdir()) == []
    sidecar.signal(signal.SIGHUP)
    wait_until(lambda: "planes gpu0\n" in claimed(sidecar), what="the new word")
    assert deployment.publish("heartbeat", "gpu0=fail") == (0, "")


def test_an_added_plane_and_code_go_through_every_door(deployment: Deployment) -> None:
    deployment.accept()
    hub, sidecar = deployment.hub.start(), deployment.sidecar.start()
    wait_until(lambda: "planes gpu0\n" in claimed(sidecar), what="the drop directory")

    # In: the drop directory, by shell and by Python; the broker; HTTP.
    assert deployment.publish("heartbeat", "gpu0=warn") == (0, "")
    deployment.wait_for_check("ada", "warn")
    answer = sidecar.call("publish", "heartbeat", "gpu0=fail")
    assert (answer.returncode, answer.stderr) == (0, "")
    deployment.wait_for_check("ada", "fail")
    assert deployment.publish(*HOT) == (0, "")
    away = {"agent": "beta", "FLEET_DROP": "-"}
    assert deployment.publish("heartbeat", "gpu0=fail", "alerts=gpu-hot", **away) == (0, "")
    deployment.wait_for_check("beta", "fail")
    assert deployment.publish(*HOT, **away) == (0, "")
    body = {"ok": False, "ts": TS, "checks": {"gpu0": "fail"}, "alerts": ["gpu-hot"]}
    assert hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", body)[0] < 300
    body["checks"] = {"gpu1": "fail"}
    assert hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", body)[0] == 422

    # Out: HTTP, /metrics, the command line with and without the hub.
    def firing() -> set[str]:
        alerts = hub.get("/v1/alerts?code=gpu-hot")["alerts"]
        return {alert["agent"] for alert in alerts if alert["code"] == "gpu-hot"}

    wait_until(lambda: firing() >= {"ada", "beta"}, what="the alert of both")
    metrics = hub.ask("GET", "/metrics")[1]
    assert 'agent="beta",plane="gpu0",result="fail"' in metrics
    assert 'code="gpu-hot"' in metrics
    assert "gpu0" in deployment.fleet("status")
    assert "gpu-hot" in deployment.fleet("alerts")
    assert "gpu0" in deployment.fleet("status", "beta", "-o", "json")
    assert "gpu0" in deployment.fleet("history", "-a", "beta", "-o", "jsonl")
    fleet("alerts", "silence", "--code", "gpu-hot", "--for", "1h", environ=hub.environ)
    assert any(s["code"] == "gpu-hot" for s in hub.get("/v1/alerts")["silences"])
    assert deployment.fleet("dead-letters", "list", "-o", "jsonl") == ""
    runbook, schema = asyncio.run(over_mcp(hub))
    assert "fleet adr list" in runbook
    assert "gpu0" in schema

    hub.stop()
    deployment.fleet("config", "check")
    assert "gpu0" in deployment.fleet("collect", "-o", "jsonl")


def test_what_is_exported_and_validated_holds_the_deployments_words(
    deployment: Deployment,
) -> None:
    deployment.accept()
    folder = deployment.folder / "exported"
    deployment.fleet("export", "asyncapi", "-d", str(folder))
    message = {"ok": False, "ts": TS, "checks": {"gpu0": "fail"}, "alerts": ["gpu-hot"]}
    kinds = ("heartbeat", "status", "alert")
    schemas = {kind: json.loads((folder / f"{kind}.schema.json").read_text()) for kind in kinds}
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    own = jsonschema.Draft202012Validator(schemas["heartbeat"])
    assert own.is_valid(message)
    assert not own.is_valid(message | {"checks": {"gpu1": "fail"}})
    shipped = json.loads((Path(ROOT) / "schemas/heartbeat.schema.json").read_text())
    assert not jsonschema.Draft202012Validator(shipped).is_valid(message), "it would prove nothing"
    hot = {"code": "gpu-hot", "severity": "info", "state": "firing", "ts": TS}
    assert jsonschema.Draft202012Validator(schemas["alert"]).is_valid(hot)
    status = {"state": "running", "ts": TS, "checks": {"gpu0": "pass"}}
    assert jsonschema.Draft202012Validator(schemas["status"]).is_valid(status)
    document = yaml.safe_load((folder / "asyncapi.yaml").read_text())
    for name, item in document["components"]["messages"].items():
        assert (folder / item["payload"]["$ref"]).is_file(), name

    payload = json.dumps(message)
    assert "valid heartbeat" in deployment.fleet("validate", "fleet/ada/heartbeat", payload)
    wrong = deployment.fleet("validate", "fleet/ada/heartbeat", payload.replace("gpu0", "gpu1"))
    assert "unknown-word" in wrong
    assert "gpu0" in wrong, "what is allowed holds the added word"
    assert "gpu0" in deployment.fleet("adr", "list")


async def over_mcp(hub: Served) -> tuple[str, str]:
    """The runbook of the added code, and the heartbeat's schema."""
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    server = StdioServerParameters(
        command=sys.executable, args=["-m", "fleet", "mcp"], env=hub.environ
    )
    async with Client(stdio_client(server)) as client:
        runbook = await client.read_resource("fleet://runbook/gpu-hot")
        schema = await client.read_resource("fleet://contract/heartbeat")
    return runbook.contents[0].text, schema.contents[0].text
