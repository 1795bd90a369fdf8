"""What one call costs, start to finish, beside the bare program that does the same.

    python -m benchmarks one_liner [ROUNDS]

Interleaved runs, medians, ratios: absolute times say more about the machine than about us.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.result import tell  # noqa: E402  # run as a file, too
from fleet.contract.topics import Topics  # noqa: E402
from fleet.contract.vocabulary import MessageKind  # noqa: E402
from tests.support.broker import Mosquitto  # noqa: E402
from tests.support.one_liner import serve, waiting  # noqa: E402

SCRIPT = str(ROOT / "scripts" / "bus-publish")
PYTHON = str(Path(sys.executable).parent)


@dataclass(frozen=True)
class Call:
    """One program to time; `against` names the one it is compared with."""

    argv: list[str]
    against: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def calls(broker: Mosquitto, home: Path) -> dict[str, Call]:
    """Everything that is timed, by name."""
    drop = serve(home / "drop", ahead=86_400)
    pid_file = home / "agent.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    topic = Topics().of(MessageKind.HEARTBEAT, "alpha")
    bare = ["mosquitto_pub", "-p", str(broker.port), "-V", "5", "-i", "alpha", "-q", "1", "-r"]
    payload = '{"ok":true,"uptime":86400,"ts":"2026-03-18T21:30:00Z"}'
    direct = {"FLEET_AGENT": "alpha", "FLEET_BROKER": broker.url, "FLEET_DROP": "-"}
    dropped = {"FLEET_DROP": str(drop)}
    pid = {"FLEET_PID_FILE": str(pid_file)}
    alert = [SCRIPT, "alert", "code=disk-pressure", "severity=warning", "value=91"]
    pub = "mosquitto_pub"
    return {
        pub: Call([*bare, "-t", topic, "-m", payload]),
        "direct alert": Call(alert, pub, direct),
        "direct heartbeat": Call([SCRIPT, "heartbeat"], pub, direct | pid),
        "direct heartbeat, no pid file": Call([SCRIPT, "heartbeat"], pub, direct),
        "drop alert": Call(alert, pub, dropped),
        "drop heartbeat": Call([SCRIPT, "heartbeat"], pub, dropped | pid),
        "drop heartbeat, no pid file": Call([SCRIPT, "heartbeat"], pub, dropped),
        "wrong call": Call([SCRIPT, "alert", "code=disk", "severity=high"], pub, dropped),
        "python -c pass": Call([f"{PYTHON}/python", "-c", "pass"]),
        "fleet --version": Call([f"{PYTHON}/fleet", "--version"], "python -c pass"),
        "agent-sidecar --version": Call([f"{PYTHON}/agent-sidecar", "--version"], "python -c pass"),
    }


def measure(timed: Mapping[str, Call], rounds: int, home: Path) -> dict[str, float]:
    """Median seconds of each, run in turns so that a busy moment hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    base = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    for _ in range(rounds):
        for name, call in timed.items():
            started = time.perf_counter()
            subprocess.run(
                call.argv, env={**base, **call.environment}, capture_output=True, check=False
            )
            seconds[name].append(time.perf_counter() - started)
        for left in waiting(home / "drop"):
            left.unlink()
    return {name: statistics.median(values) for name, values in seconds.items()}


def main(rounds: int = 200) -> None:
    """Of each program the milliseconds, and the ratio to what it is compared with."""
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as folder:
        home = Path(folder)
        broker = Mosquitto(home / "broker").start()
        try:
            timed = calls(broker, home)
            medians = measure(timed, rounds, home)
        finally:
            broker.stop()
    tell(
        {
            "rounds": rounds,
            "ms": {name: round(seconds * 1000, 2) for name, seconds in medians.items()},
            "ratio": {
                name: round(medians[name] / medians[call.against], 2)
                for name, call in timed.items()
                if call.against
            },
            "against": {name: call.against for name, call in timed.items() if call.against},
        }
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
