"""Commands through the hub: kept, delivered to sleepers by priority, and each with an end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.broker import Mosquitto
from tests.support.served import Served, environment, fleet
from tests.support.sidecar import stand_in
from tests.support.waiting import wait_until


class Agent:
    """A sidecar process beside nothing; `stop` is a clean goodbye."""

    def __init__(self, name: str, broker: Mosquitto, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self._environ = environment(
            folder,
            FLEET_BROKER=broker.url,
            FLEET_AGENT=name,
            FLEET_INTERVAL="600",
            FLEET_DROP="-",
            FLEET_PID_FILE=stand_in(folder),
        )
        self.start()

    def start(self) -> None:
        argv = [sys.executable, "-m", "agent_sidecar", "run"]
        self._process = subprocess.Popen(argv, env=self._environ, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)


def state_of(hub: Served, name: str) -> str | None:
    status, agent, _ = hub.ask("GET", f"/v1/agents/{name}")
    return agent["state"] if status == 200 else None


def commands(hub: Served, name: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = hub.ask("GET", f"/v1/inbox?agent={name}")[1]["messages"]
    return messages


def test_an_answer_streams_back_with_its_latency(
    hub: Served, broker: Mosquitto, tmp_path: Path
) -> None:
    served = Served(tmp_path / "home", broker).start()
    agent = Agent("alpha", broker, tmp_path / "alpha")
    try:
        wait_until(lambda: state_of(served, "alpha") == "ok")
        done = fleet("command", "version-report", "alpha", "-o", "jsonl", environ=served.environ)
        assert done.returncode == 0, done.stderr
        [answer] = map(json.loads, done.stdout.splitlines())
        assert (answer["agent"], answer["result"]) == ("alpha", "done")
        assert answer["versions"]["sidecar"]
        assert answer["latency"] > 0
        [command] = commands(served, "alpha")
        assert command["state"] == "done"
    finally:
        agent.stop()
        served.stop()


def test_a_sleeper_gets_its_commands_on_return_urgent_ones_first_also_after_a_hub_restart(
    broker: Mosquitto, tmp_path: Path
) -> None:
    served = Served(tmp_path / "home", broker).start()
    agent = Agent("alpha", broker, tmp_path / "alpha")
    try:
        wait_until(lambda: state_of(served, "alpha") == "ok")
        agent.stop()
        wait_until(lambda: state_of(served, "alpha") == "offline")
        for verb, priority in (("status-report", "normal"), ("version-report", "urgent")):
            done = fleet(
                "command",
                verb,
                "alpha",
                "--priority",
                priority,
                "--ttl",
                "3600",
                "--wait",
                "0.5",
                environ=served.environ,
            )
            assert done.returncode == 1, done.stderr
            assert "queued" in done.stdout
        fleeting = {"to": "alpha", "verb": "health-check", "ttl": 1}
        assert served.ask("POST", "/v1/send", body=fleeting)[0] == 202
        served.kill()
        time.sleep(1.2)
        served.start()
        agent.start()
        wait_until(
            lambda: [o["state"] for o in commands(served, "alpha")].count("done") == 2,
            what="the answers of the agent that returned",
        )
        wait_until(
            lambda: "expired" in {o["state"] for o in commands(served, "alpha")},
            what="the end of the one whose time was over",
        )
        by_verb = {command["verb"]: command for command in commands(served, "alpha")}
        assert by_verb["health-check"]["state"] == "expired"
        assert by_verb["version-report"]["ended"] <= by_verb["status-report"]["ended"]
    finally:
        agent.stop()
        served.stop()


def test_a_broadcast_reaches_all_at_once_and_a_sleeper_when_it_returns(
    broker: Mosquitto, tmp_path: Path
) -> None:
    served = Served(tmp_path / "home", broker).start()
    agents = [Agent(name, broker, tmp_path / name) for name in ("alpha", "beta", "gamma")]
    try:
        for agent in agents:
            wait_until(lambda name=agent.name: state_of(served, name) == "ok")
        agents[2].stop()
        wait_until(lambda: state_of(served, "gamma") == "offline")
        asked = fleet(
            *("command", "health-check", "--all", "--wait", "3", "--ttl", "600", "-o", "jsonl"),
            environ=served.environ,
        )
        results = {line["agent"]: line["result"] for line in map(json.loads, asked.stdout.split())}
        assert results == {"alpha": "done", "beta": "done", "gamma": "queued"}, asked.stderr
        agents[2].start()
        wait_until(lambda: [o["state"] for o in commands(served, "gamma")] == ["done"])
        told = [o for name in ("alpha", "beta", "gamma") for o in commands(served, name)]
        assert len({o["broadcast"] for o in told}) == 1
        assert len({o["id"] for o in told}) == 3
        sent = served.ask("GET", "/v1/history?kind=broadcast")[1]["messages"]
        assert [m["message"]["verb"] for m in sent if "verb" in m["message"]] == ["health-check"]
        replies = served.ask("GET", "/v1/history?agent=gamma&kind=status")[1]["messages"]
        assert sum("reply" in m["message"] for m in replies) == 1, "answered once, asked twice"
        named = {"to": ["alpha", "beta"], "verb": "status-report"}
        assert len(served.ask("POST", "/v1/send", body=named)[1]["ids"]) == 2
        assert served.ask("POST", "/v1/send", body=named | {"to": ["alpha", "nobody"]})[0] == 404
    finally:
        for agent in agents:
            agent.stop()
        served.stop()


def test_a_command_that_nobody_answers_is_silent_in_the_end(hub: Served) -> None:
    beat = {"ok": True, "ts": "2026-03-18T21:30:00Z", "interval": 60}
    hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", beat)
    wait_until(lambda: state_of(hub, "ada") is not None)
    sent = hub.ask("POST", "/v1/send", body={"to": "ada", "verb": "health-check", "ttl": 1})[1]
    wait_until(
        lambda: {o["id"]: o["state"] for o in commands(hub, "ada")}[sent["ids"][0]] == "silent"
    )


def test_a_canary_asks_only_its_share(broker: Mosquitto, tmp_path: Path) -> None:
    agents = [Agent(f"a{n}", broker, tmp_path / f"a{n}") for n in range(4)]
    environ = environment(tmp_path, FLEET_BROKER=broker.url)
    try:
        wait_until(lambda: fleet("check", environ=environ).stdout.count("ok=4"))
        asked = fleet("command", "health-check", "--all", "--limit", "25%", environ=environ)
        assert (asked.returncode, asked.stdout.count("done")) == (0, 1)
        planned = fleet("command", "health-check", "--all", "--dry-run", environ=environ)
        assert planned.stdout.count("would be asked") == 4
        batches = fleet(
            *("command", "health-check", "--all", "--batch", "3", "--pause", "0.1"),
            environ=environ,
        )
        assert (batches.returncode, batches.stdout.count("done")) == (0, 4)
    finally:
        for agent in agents:
            agent.stop()
