"""A site's one-liners reach the hub over a Mosquitto bridge, which sends what is retained again
each time it connects: that is told once, stored once, and keeps nobody alive."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from fleet.bus.local_broker import LIMITS, STATE
from fleet.contract.topics import FROM_AGENT, Topics
from fleet.contract.vocabulary import MessageKind
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.one_liner import enrol, run
from tests.support.served import Served
from tests.support.waiting import wait_until

TOPICS = Topics()
SAID = [kind for kind in FROM_AGENT if kind is not MessageKind.PROGRESS]
KINDS = {kind: number for number, kind in enumerate(FROM_AGENT) if kind in SAID}


class Live:
    """What the hub's broker hands on live, by topic: whether the bridge did repeat."""

    def __init__(self, broker: Mosquitto) -> None:
        self.heard: Counter[str] = Counter()
        ready = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = self._take
        self._client.on_connect = lambda *_: self._client.subscribe("fleet/#", qos=1)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert ready.wait(10)

    def _take(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if not message.retain:
            self.heard[message.topic] += 1

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class TwoSites:
    """Alpha and beta at one broker, the hub at another, a bridge between them."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.centre = folder, broker
        self.hub = Served(folder / "home", broker).start()
        self.live = Live(broker)
        lines = (
            *LIMITS,
            *STATE[1:],
            "connection site",
            f"address 127.0.0.1:{broker.port}",
            "cleansession false",
            "restart_timeout 1",
            *(f"topic {TOPICS.every(kind)} out 1" for kind in FROM_AGENT),
        )
        self.site = Mosquitto(folder / "site", lines, persistence=True).start()
        self.store = HubProcess(folder / "home", broker)  # to look into what it stores, only

    def says(self, agent: str, *words: str) -> None:
        home = self.folder / agent
        enrol(home, self.site, agent)
        answer = run(*words, home=home)
        assert (answer.returncode, answer.stderr) == (0, "")

    def restart(self, end: Callable[[], None], broker: Mosquitto) -> None:
        """End a broker and start it again; wait until the bridge repeated all that alpha said,
        and the hub is through with that: beta speaks after it, over the same bridge."""
        before = Counter(self.live.heard)
        end()
        broker.start()
        said = [TOPICS.of(kind, "alpha") for kind in SAID]
        wait_until(lambda: all(self.live.heard[t] > before[t] for t in said), what="a repetition")
        n = self.store.count(KINDS[MessageKind.ALERT])
        self.says("beta", "alert", "code=cron-failure", "severity=info", f"value={n}")
        wait_until(lambda: self.store.count(KINDS[MessageKind.ALERT]) > n, what="beta's word")

    def stored(self) -> list[int]:
        """How many messages of alpha the hub holds, by kind."""
        found = [self.store.stored(number) for number in KINDS.values()]
        return [sum(n for text, n in kind.items() if b"cron-failure" not in text) for kind in found]

    def view(self, agent: str) -> dict[str, Any]:
        agents = self.hub.get("/v1/agents")["agents"]
        return next((view for view in agents if view["agent"] == agent), {})

    def close(self) -> None:
        self.live.close()
        self.site.kill()
        self.hub.stop()


@pytest.fixture
def sites(tmp_path: Path, broker: Mosquitto) -> Iterator[TwoSites]:
    made = TwoSites(tmp_path, broker)
    yield made
    made.close()


def test_a_bridge_that_connects_again_tells_nothing_twice_and_keeps_nobody_alive(
    sites: TwoSites,
) -> None:
    sites.says("alpha", "status", "state=running", "agent=1.2")
    sites.says("alpha", "alert", "code=disk-pressure", "severity=warning", "value=91")
    sites.says("alpha", "heartbeat", "interval=1", "n=1")
    wait_until(lambda: sites.view("alpha").get("last_seen"), what="alpha at the hub")
    wait_until(lambda: sites.stored() == [1, 1, 1], what="what alpha said")
    seen = sites.view("alpha")["last_seen"]
    wait_until(lambda: sites.view("alpha")["state"] == "stale", what="alpha's silence")
    # The first end is an orderly one, after which the site's broker has all of it on disk.
    site, centre = sites.site, sites.centre
    for end, broker in ((site.stop, site), (site.kill, site), (centre.kill, centre)):
        sites.restart(end, broker)
        view = sites.view("alpha")
        assert (view["state"], view["last_seen"]) == ("stale", seen)
        assert sites.stored() == [1, 1, 1]
    sites.says("alpha", "heartbeat", "interval=1", "n=2")
    wait_until(lambda: sites.view("alpha")["last_seen"] != seen, what="alpha's return")
    wait_until(lambda: sites.stored() == [2, 1, 1], what="its heartbeat")
