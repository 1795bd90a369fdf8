"""MQTT 5 properties, as a client of another make sends them: no word of them gets past the hub."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fleet.contract.publish_properties import NAMES
from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.served import Served, environment, fleet
from tests.support.sidecar import Listener, Sidecar
from tests.support.waiting import wait_until

PROSE: Final = "the client asked us to keep this between ourselves"

SENT: Final[dict[str, dict[str, Any]]] = {
    "user-property": {"UserProperty": [("note", PROSE), (PROSE, "")]},
    "content-type": {"ContentType": PROSE},
    "response-topic": {"ResponseTopic": PROSE.replace(" ", "/")},
    "correlation-data": {"CorrelationData": PROSE.encode()},
    "payload-format-indicator": {"PayloadFormatIndicator": 1},
    "empty": {"UserProperty": [("", "")]},
    "everything": {
        "UserProperty": [("a", "b")], "ContentType": "", "ResponseTopic": "r",
        "CorrelationData": b"", "PayloadFormatIndicator": 1, "MessageExpiryInterval": 60,
    },
}  # fmt: skip
ALLOWED: Final[dict[str, dict[str, Any]]] = {
    "none": {},
    "expiry": {"MessageExpiryInterval": 600},
    "alias": {"TopicAlias": 1},
}


class Publisher:
    """A stranger's MQTT 5 client."""

    def __init__(self, broker: Mosquitto) -> None:
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, "stranger", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(
        self, agent: str, given: dict[str, Any], *, retain: bool, qos: int = 1, kind: str = ""
    ) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        for name, value in given.items():
            setattr(properties, name, value)
        body = {"ok": True, "ts": timestamp(time.time())}
        payload = json.dumps(body, separators=(",", ":"))
        topic = f"fleet/{agent}/{kind or 'heartbeat'}"
        wait_until(self._client.is_connected, what="the stranger's link")
        self._client.publish(topic, payload, qos, retain, properties).wait_for_publish(10)


@pytest.fixture
def served(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    hub = Served(tmp_path / "home", broker)
    yield hub
    hub.stop()


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("retained", [True, False])
def test_text_beside_the_payload_is_rejected_counted_and_kept_nowhere(
    served: Served, broker: Mosquitto, retained: bool, qos: int
) -> None:
    """Live, and as what the broker kept before the hub came."""
    with Publisher(broker) as stranger:
        if not retained:
            served.start()
        for agent, given in (SENT | ALLOWED).items():
            stranger.publish(agent, given, retain=retained, qos=qos)
        if retained:
            served.start()
        stranger.publish("last", {}, retain=False)
        wait_until(
            lambda: served.get("/v1/history?agent=last")["messages"],
            what="the last in the store, behind all others",
        )
    heard = {item["agent"] for item in served.get("/v1/agents")["agents"]}
    assert heard == {*ALLOWED, "last"}
    letters = served.get("/v1/dead-letters")["dead_letters"]
    assert {letter["topic"].split("/")[1] for letter in letters} == set(SENT)
    assert {letter["reason"] for letter in letters} == {"properties"}
    told = {letter["topic"].split("/")[1]: letter["field"] for letter in letters}
    assert {name: told[name] for name in NAMES} == {name: name for name in NAMES}
    assert told["everything"].split(",") == list(NAMES)
    metrics = served.get("/metrics", "viewer")
    assert f'reason="properties"}} {len(SENT)}' in metrics
    served.stop()
    audited = fleet("audit", "run", "-o", "json", environ=served.environ)
    findings = json.loads(audited.stdout)["findings"]
    assert sum(found["rule"] == "contract.properties" for found in findings) == len(SENT)
    for path in served.home.rglob("*"):
        if path.is_file():
            assert PROSE.encode() not in path.read_bytes(), path
            assert PROSE.replace(" ", "/").encode() not in path.read_bytes(), path


def test_a_dead_letter_says_how_much_there_was(served: Served, broker: Mosquitto) -> None:
    served.start()
    with Publisher(broker) as stranger:
        stranger.publish("ada", {"UserProperty": [("k", "x" * 5000)]}, retain=False)
    [letter] = wait_until(lambda: served.get("/v1/dead-letters")["dead_letters"])
    shown = fleet("dead-letters", "show", str(letter["id"]), environ=served.environ)
    assert json.loads(shown.stdout)["properties"] == {"user-property": 5001}
    assert served.get("/v1/history?agent=ada")["messages"] == []


def test_without_a_hub_such_retained_state_is_passed_by(tmp_path: Path, broker: Mosquitto) -> None:
    with Publisher(broker) as stranger:
        for agent, given in (SENT | ALLOWED).items():
            stranger.publish(agent, given, retain=True)
    environ = environment(tmp_path, FLEET_BROKER=broker.url)
    listed = json.loads(fleet("status", "-o", "json", environ=environ).stdout)["agents"]
    assert {item["agent"] for item in listed} == set(ALLOWED)
    shown = fleet("monitor", "--snapshot", environ=environ)
    assert shown.stdout.count("rejected: properties at ") == len(SENT)
    audited = fleet("audit", "run", "--live", "2", "-o", "json", environ=environ)
    found = [one["rule"] for one in json.loads(audited.stdout)["findings"]]
    assert found.count("contract.properties") == len(SENT)
    assert PROSE not in shown.stdout + shown.stderr + audited.stdout + audited.stderr


def test_a_packet_larger_than_the_fleet_needs_is_refused_by_the_broker(
    tmp_path: Path, broker: Mosquitto
) -> None:
    listener = Listener(broker.port).start()
    with Publisher(broker) as stranger:
        stranger.publish("ada", {"UserProperty": [("k", "x" * 15_000)]}, retain=False, qos=0)
    with Publisher(broker) as another:
        another.publish("bob", {}, retain=False)
    listener.wait("heartbeat")
    assert [heard.agent for heard in listener.heard] == ["bob"]
    listener.stop()


def test_a_sidecar_takes_no_command_with_text_beside_it(tmp_path: Path, broker: Mosquitto) -> None:
    listener = Listener(broker.port).start()
    sidecar = Sidecar(tmp_path, broker.url, "ada").start()
    try:
        listener.wait("status", state="running")
        with Publisher(broker) as stranger:
            stranger.publish("ada", {"UserProperty": [("k", PROSE)]}, retain=False, kind="command")
        wait_until(lambda: listener.all("heartbeat")[-1]["metrics"]["rejected_total"] == 1)
    finally:
        sidecar.stop()
        listener.stop()
