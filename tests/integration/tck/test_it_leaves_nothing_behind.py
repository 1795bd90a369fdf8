"""The kit may be pointed at a live agent: whatever happens, the broker is as it was found."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.mqtt import MqttBus
from fleet.contract.broker_url import BrokerUrl
from fleet.retained import retained_state
from fleet.tck.trials import TRIALS
from tests.support.broker import Mosquitto
from tests.support.examined import Examined
from tests.support.waiting import wait_until

OTHERS = [word for trial in TRIALS[1:] for word in ("--skip", trial.rule)]
ROOT = Path(__file__).parents[3]
COMMAND = "fleet/alpha/command"


def retained(port: int, *topics: str) -> dict[str, bytes]:
    async def look() -> dict[str, bytes]:
        async with MqttBus(ConnectOptions(BrokerUrl("127.0.0.1", port), "looker")) as bus:
            return {item.topic: item.payload for item in await retained_state(bus, topics)}

    return asyncio.run(look())


def leave(port: int, topic: str, payload: str) -> None:
    words = ["mosquitto_pub", "-p", str(port), "-q", "1", "-r", "-t", topic, "-m", payload]
    subprocess.run(words, check=True)


@pytest.mark.parametrize("there_before", [None, json.dumps({"verb": "health-check"})])
def test_an_interrupted_examination_takes_its_retained_command_away(
    tmp_path: Path, broker: Mosquitto, there_before: str | None
) -> None:
    own = tmp_path / "agent"
    words = [sys.executable, "-m", "tests.support.faulty_agent", str(broker.port), "alpha"]
    with Examined(own, [*words, str(own)], {"PYTHONPATH": str(ROOT)}):
        if there_before:
            leave(broker.port, COMMAND, there_before)
        leave(broker.port, "fleet/beta/command", "not ours")
        kit = subprocess.Popen(
            [sys.executable, "-m", "fleet", "tck", "run", "--agent", "alpha", "--profile",
             "commands", *OTHERS, "--broker", broker.url, "--home", str(tmp_path / "hub"),
             "--restart", f"touch {tmp_path / 'restarting'}; sleep 15"],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until((tmp_path / "restarting").exists, what="the restart")
        assert json.loads(retained(broker.port, COMMAND)[COMMAND]) == {"verb": "status-report"}
        kit.send_signal(signal.SIGINT)
        assert kit.wait(20) == 130
    left = {"fleet/beta/command": b"not ours"}
    if there_before:
        left[COMMAND] = there_before.encode()
    assert retained(broker.port, "fleet/+/command") == left
