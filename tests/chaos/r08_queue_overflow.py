"""R8: a broker with Mosquitto's default queue drops most of a burst; the hub must say how many."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fleet.contract.timestamps import timestamp
from tests.chaos.scenario import Finding, Scenario
from tests.chaos.world import World
from tests.support.hub import Publisher
from tests.support.waiting import wait_until

DEFAULTS = ("max_queued_messages 100", "max_inflight_messages 20", "set_tcp_nodelay true")


def run(folder: Path, short: bool) -> Finding:
    burst = 1_000 if short else 20_000
    with World(folder, limits=DEFAULTS) as world:
        world.hub.start()
        plain = Publisher(world.broker, "plain")
        plain.publish_all("heartbeat", [beat(0)])
        wait_until(lambda: beats(world) == 1)
        world.hub.stop()
        plain.publish_all("heartbeat", [beat(n) for n in range(1, burst)])
        world.hub.start()
        shown = wait_until(lambda: settled(world), what="hub and broker to agree")
        time.sleep(2)  # what the queue did hold is on its way
        lost = burst - beats(world)
        # A sidecar in the same queue: what is dropped there it sends again.
        alpha = world.sidecar("alpha")
        world.hub.stop()
        for number in range(300):
            world.talk(alpha, number)
        wait_until(lambda: not list(alpha.drop.glob("*.json")))
        plain.publish_all("heartbeat", [beat(n) for n in range(burst)])
        world.hub.start()
        found = world.compare()
        more = wait_until(lambda: settled(world), what="hub and broker to agree")
        plain.close()
    return Finding(
        f"burst of {burst}: {lost} dropped, {shown:.0f} shown; then with a sidecar, {more:.0f}"
        f" shown in all, {found}",
        shown == lost > 0 and found.whole,
        {"lost": lost, "shown": shown},
    )


def beat(number: int) -> bytes:
    ts = timestamp(time.time() - 20_000 + number)  # a second apart: no flood, a backlog
    return json.dumps({"ok": True, "ts": ts, "uptime": number, "interval": 1}).encode()


def beats(world: World) -> int:
    """Heartbeats stored of the agent without a sidecar."""
    found = world.hub.query(
        "SELECT count(*) FROM message JOIN agent ON agent.id = message.agent"
        " WHERE name = 'plain' AND kind = 0"
    )
    return int(str(found[0][0])) if found else 0


def dropped_says(world: World) -> float:
    """The broker's own count, asked for at the broker."""
    said: list[float] = []
    done = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _d, m: (said.append(float(m.payload)), done.set())
    client.on_connect = lambda *_: client.subscribe("$SYS/broker/publish/messages/dropped")
    client.connect("127.0.0.1", world.broker.port)
    client.loop_start()
    assert done.wait(20), "the broker does not say what it dropped"
    client.disconnect()
    client.loop_stop()
    return said[-1]


def settled(world: World) -> float:
    """What hub and broker both say was dropped, or 0. The broker tells once a second, also in the
    middle of a burst: only what it says twice, some seconds apart, is its last word."""
    said = dropped_says(world)
    time.sleep(2.5)
    again = dropped_says(world)
    shown = world.metric("fleet_broker_dropped_messages_total")
    return said if said == again == shown else 0.0


SCENARIO = Scenario("R8", "broker queue overflow", "the shown drops equal the true ones", run)
