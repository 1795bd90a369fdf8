"""Commands that cron, Nagios and agents run, as whole processes, beside floors of the same kind.

    python -m benchmarks commands [ROUNDS] [AGENTS]

A hub with AGENTS agents serves; each program is started anew, in turns, and timed from its start
to its end. Floors: Python that does nothing; Python that asks that hub one question with urllib;
Python with paho that connects, publishes, waits for the acknowledgement and hangs up. `cpu_ms` is
what the kernel counts of a process (user and system), which another load changes less.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.result import tell  # noqa: E402  # run as a file, too
from benchmarks.scrape import Fleet  # noqa: E402
from tests.support.broker import Mosquitto  # noqa: E402
from tests.support.hub import HubProcess  # noqa: E402
from tests.support.hub_http import ask  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

PATIENCE: Final = 60.0
NOTHING, ASKS, PUBLISHES = "python -c pass", "python and urllib", "python and paho"

ASK: Final = """
import json, sys, urllib.request
hub = json.load(open(sys.argv[1]))
url, token = hub["url"] + "/v1/agents", hub["token"]
asked = urllib.request.Request(url, headers={"Authorization": "Bearer " + token})
json.load(urllib.request.urlopen(asked))
"""
PUBLISH: Final = """
import sys
import paho.mqtt.client as mqtt
link = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="floor", protocol=mqtt.MQTTv5)
link.connect("127.0.0.1", int(sys.argv[1]))
link.loop_start()
link.publish("fleet/floor/heartbeat", sys.argv[2], qos=1, retain=True).wait_for_publish()
link.disconnect()
link.loop_stop()
"""
BEAT: Final = '{"ok":true,"ts":"2026-03-18T21:30:00Z"}'


@dataclass(frozen=True)
class Call:
    """One program to time; `against` names its floor."""

    argv: list[str]
    against: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def calls(broker: Mosquitto, hub: HubProcess, folder: Path) -> dict[str, Call]:
    """Everything that is timed, by name."""
    python = sys.executable
    fleet, sidecar = [python, "-m", "fleet"], [python, "-m", "agent_sidecar"]
    home = {"FLEET_HOME": str(hub.home), "FLEET_BROKER": broker.url}
    agent = {
        "FLEET_AGENT": "alpha", "FLEET_BROKER": broker.url, "FLEET_HOME": str(folder / "agent"),
        "FLEET_PROCESS": "-",
    }  # fmt: skip
    return {
        NOTHING: Call([python, "-c", "pass"]),
        ASKS: Call([python, "-c", ASK, str(hub.home / "hub.json")]),
        PUBLISHES: Call([python, "-c", PUBLISH, str(broker.port), BEAT]),
        "fleet status": Call([*fleet, "status"], ASKS, home),
        "fleet status AGENT": Call([*fleet, "status", "agent-00007"], ASKS, home),
        "fleet check": Call([*fleet, "check"], ASKS, home),
        "fleet alerts list": Call([*fleet, "alerts", "list"], ASKS, home),
        "fleet agent list": Call([*fleet, "agent", "list"], NOTHING, home),
        "fleet doctor": Call([*fleet, "doctor"], ASKS, home),
        "agent-sidecar beat": Call([*sidecar, "beat"], PUBLISHES, agent),
        "agent-sidecar handle": Call([*sidecar, "handle"], PUBLISHES, agent),
        "agent-sidecar publish": Call(
            [*sidecar, "publish", "alert", "code=disk-pressure", "severity=info"], PUBLISHES, agent
        ),
    }


def timed(call: Call, base: Mapping[str, str], output: int) -> tuple[float, float]:
    """Seconds of one run by the clock, and on a CPU."""
    started = time.perf_counter()
    pid = os.posix_spawn(
        call.argv[0], call.argv, {**base, **call.environment},
        file_actions=[(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)],
    )  # fmt: skip
    _, _, used = os.wait4(pid, 0)
    return time.perf_counter() - started, used.ru_utime + used.ru_stime


def measure(
    programs: Mapping[str, Call], rounds: int, home: Path
) -> dict[str, tuple[float, float]]:
    """Medians of each, run in turns so that a busy moment hits all alike."""
    base = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    with (home / "output").open("w") as output:
        for call in programs.values():  # compiled once, and the sidecar's state made
            timed(call, base, output.fileno())
        for _ in range(rounds):
            for name, call in programs.items():
                found[name].append(timed(call, base, output.fileno()))
    return {
        name: (statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs))
        for name, runs in found.items()
    }


def main(rounds: int = 20, agents: int = 1_000) -> None:
    """Of each program the milliseconds, and the ratio to its floor."""
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as name:
        folder = Path(name)
        (folder / "agent").mkdir(mode=0o700)
        broker = Mosquitto(folder / "broker").start()
        hub = HubProcess(folder / "home", broker)
        try:
            hub.start()
            Fleet(broker.port, agents, ["queue_depth", "memory_bytes"]).beat()
            wait_until(lambda: _heard(hub) >= agents, PATIENCE, "the hub heard all")
            programs = calls(broker, hub, folder)
            medians = measure(programs, rounds, folder)
        finally:
            hub.stop()
            broker.stop()
    tell(
        {
            "rounds": rounds,
            "agents": agents,
            "ms": {name: round(clock * 1000, 1) for name, (clock, _) in medians.items()},
            "cpu_ms": {name: round(cpu * 1000, 1) for name, (_, cpu) in medians.items()},
            "ratio": {
                name: round(medians[name][0] / medians[call.against][0], 2)
                for name, call in programs.items()
                if call.against
            },
            "against": {name: call.against for name, call in programs.items() if call.against},
        }
    )


def _heard(hub: HubProcess) -> int:
    told = json.loads((hub.home / "hub.json").read_text())
    headers = {"Authorization": f"Bearer {told['token']}"}
    answer = ask(told["url"] + "/v1/agents?brief=true", headers=headers)
    return len(json.loads(answer.body)["agents"])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
