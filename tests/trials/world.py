"""What every trial needs: a hub on our own production configuration, its accounts, and figures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fleet.contract.timestamps import timestamp
from fleet.provisioning.enrolment import Credential
from tests.support.broker import Mosquitto
from tests.support.provisioned import ProvisionedBroker
from tests.support.served import Served
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Finding:
    """What one trial gave: `held` says whether the promise did."""

    threat: str
    tried: str
    gave: str
    held: bool


class OwnHub(Served):
    """`fleet serve` on a home that `fleet init` made, which knows its broker."""

    def __init__(self, broker: ProvisionedBroker) -> None:
        super().__init__(broker.home, Mosquitto(broker.home.parent / "unused"))
        del self.environ["FLEET_BROKER"]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def memory(self) -> float:
        return memory(self.pid)


def memory(pid: int) -> float:
    """Resident MB of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


@dataclass
class World:
    """A broker under dynamic security, a hub, and the agents `ada` (honest) and `mallory`."""

    broker: ProvisionedBroker
    hub: OwnHub
    credentials: dict[str, Credential] = field(default_factory=dict)

    def client(self, agent: str, **given: Any) -> Client:
        credential = self.credentials[agent]
        return Client(
            self.broker.plan.local_port, agent, credential.account, credential.secret, **given
        )


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    broker = ProvisionedBroker(folder).start()
    hub = OwnHub(broker)
    try:
        credentials = asyncio.run(broker.enrol("ada", "mallory"))
        yield World(broker, hub.start(), credentials)
    finally:
        hub.stop()
        broker.stop()


@contextlib.contextmanager
def open_world(folder: Path) -> Iterator[tuple[Mosquitto, Served]]:
    """A hub on a broker that lets everybody do everything."""
    broker = Mosquitto(folder / "broker").start()
    hub = Served(folder / "home", broker)
    try:
        yield broker, hub.start()
    finally:
        hub.stop()
        broker.stop()


class Client:
    """MQTT 5 as an attacker speaks it: what the broker answered is kept."""

    def __init__(
        self, port: int, name: str = "", user: str | None = None, secret: str | None = None,
        will: tuple[str, bytes] | None = None, clean: bool = True,
    ) -> None:  # fmt: skip
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5
        )
        self.client.max_queued_messages_set(0)
        self.client.max_inflight_messages_set(20)
        if user:
            self.client.username_pw_set(user, secret)
        if will:
            self.client.will_set(*will, qos=1, retain=True)
        self.answer = ""
        self.granted: list[int] = []
        self.heard: list[tuple[str, bytes]] = []
        self.codes: dict[int, int] = {}
        self.answered = 0
        self.client.on_connect = lambda _c, _u, _f, reason, _p: setattr(self, "answer", str(reason))
        self.client.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.extend(
            code.value for code in codes
        )
        self.client.on_publish = self._answered
        self.client.on_message = lambda _c, _u, m: self.heard.append((m.topic, bytes(m.payload)))
        self.client.connect("127.0.0.1", port, clean_start=clean)
        self.client.loop_start()

    def __enter__(self) -> Self:
        wait_until(lambda: self.answer, what="an answer to CONNECT")
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _answered(self, _c: object, _u: object, mid: int, code: Any, _p: object) -> None:
        self.codes[mid] = code.value
        self.answered += 1

    def cut(self) -> None:
        """End without a goodbye: the will goes out."""
        self.client.loop_stop()
        sock = self.client.socket()
        if sock is not None:
            sock.close()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, **given: Any) -> int:
        """The reason code of the broker's answer; 999: it hung up."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in given.items():
            setattr(properties, name, value)
        self.codes.clear()
        info = self.client.publish(topic, payload, 1, retain, properties)
        end = time.monotonic() + 5
        while info.mid not in self.codes and time.monotonic() < end:
            time.sleep(0.002)
        return self.codes.get(info.mid, 999)

    def subscribe(self, topic_filter: str) -> int:
        before = len(self.granted)
        self.client.subscribe(topic_filter, 1)
        end = time.monotonic() + 5
        while len(self.granted) == before and time.monotonic() < end:
            time.sleep(0.002)
        return self.granted[-1] if len(self.granted) > before else 999


def beat(number: int = 0, **fields: Any) -> bytes:
    return json.dumps(
        {"ok": True, "ts": timestamp(time.time()), "uptime": number, **fields}
    ).encode()


def metric(hub: Served, name: str) -> float:
    """A family of /metrics, its labels added up; no more than twice a second."""
    time.sleep(0.5)
    text = str(hub.ask("GET", "/metrics", "operator")[1])
    values = [
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith((f"{name} ", f"{name}{{"))
    ]
    return sum(values)
