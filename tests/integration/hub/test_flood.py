"""A trial that passed: heartbeats of 32 random numbers, 18 a second, and the audit had exit 0."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until

SENT = 6_000
STEP = 18 * 60 / 20_000
"""Seconds between them by their own times; they are sent as fast as the broker takes them."""


@pytest.fixture
def served(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    hub = Served(tmp_path / "home", broker)
    yield hub
    hub.stop()


def flood(port: int) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "flooder")
    client.max_queued_messages_set(0)
    client.max_inflight_messages_set(1_000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    values, began = random.Random(1), time.time() - STEP * SENT
    for number in range(SENT):
        metrics = {f"load_{k}_ratio": values.random() for k in range(32)}
        body = {"ok": True, "ts": timestamp(began + STEP * number), "metrics": metrics}
        payload = json.dumps(body, separators=(",", ":"))
        last = client.publish("fleet/alpha/heartbeat", payload, 1)
    last.wait_for_publish(300)
    client.disconnect()
    client.loop_stop()


@pytest.mark.timeout(400)
def test_a_real_hub_refuses_a_flood_and_its_audit_tells(served: Served, broker: Mosquitto):
    served.start()
    flood(broker.port)

    def count(family: str) -> int:
        text = str(served.ask("GET", "/metrics")[1])
        return sum(int(float(n)) for n in re.findall(rf"^{family} (.*)$", text, re.MULTILINE))

    refused = r'fleet_bus_rejects_total\{reason="too-often"\}'
    received = r'fleet_bus_messages_total\{kind="heartbeat"\}'
    wait_until(lambda: count(received) >= SENT, deadline=300, what="the hub to see the flood")
    assert SENT - count(refused) < 5_100
    served.stop()
    done = fleet("audit", "run", "--quiet", "-o", "json", environ=served.environ, timeout=300)
    assert done.returncode == 2, done.stderr
    assert {"traffic.budget", "traffic.rate"} <= json.loads(done.stdout)["rules"].keys()
