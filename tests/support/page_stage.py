"""A hub whose agents have a past, and answer or do not, and whose alerts go to two receivers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from fleet.provisioning.registry import Enrolled, Registry
from fleet.store.records import Batch, StoredMessage
from fleet.store.sqlite import SqliteStore
from tests.support.broker import Mosquitto
from tests.support.chromium import chromium
from tests.support.prometheus import Webhook
from tests.support.served import Served
from tests.support.waiting import wait_until

DAY = 86_400.0

ROUTES = """\
[routes.oncall]
channel = "webhook"
url = "{taking}"
secret_file = "hook.secret"
[routes.pager]
channel = "webhook"
url = "{refusing}"
secret_file = "hook.secret"
severity = "critical"
"""


def past(now: float) -> list[StoredMessage]:
    """Two days of ada, a heartbeat in five minutes; an update; half an hour without endpoint."""
    messages: list[StoredMessage] = []

    def say(kind: MessageKind, at: float, **said: Any) -> None:
        number = len(messages) + 1
        payload = json.dumps({"ts": timestamp(at), **said}).encode()
        messages.append(StoredMessage(number, at, "ada", kind, False, payload))

    for number in range(int(2 * DAY / 300)):
        at = now - 2 * DAY + number * 300
        ill = 7200 < now - at <= 9000
        if number in (0, 288):
            versions = {"agent": "1.4.0" if number == 0 else "1.5.0"}
            say(MessageKind.STATUS, at, state="running", versions=versions)
        metrics = {
            "memory_bytes": 76_800_000_000,
            "tokens_input_total": number * 1025,
            "queue_depth": 0,
        }
        checks = {"process": "pass", "endpoint": "fail" if ill else "pass"}
        say(MessageKind.HEARTBEAT, at, ok=not ill, interval=300, checks=checks, metrics=metrics)
    return messages


async def keep(home: Path, messages: list[StoredMessage], now: float) -> None:
    store = SqliteStore(home)
    store.open()
    await store.commit(Batch(messages=messages))
    while await store.upkeep(now):
        pass
    await store.close()


@dataclass
class Agents:
    """Agents at the bus; those in `quiet` answer no command, those in `unable` cannot."""

    broker: Mosquitto
    quiet: set[str] = field(default_factory=set)
    unable: set[str] = field(default_factory=set)
    clients: dict[str, mqtt.Client] = field(default_factory=dict)

    def join(self, name: str) -> None:
        host, port = self.broker.url.rpartition("/")[2].split(":")
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        topics = Topics()

        def answer(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
            command = json.loads(message.payload)
            if "verb" not in command or name in self.quiet:
                return
            failed = {"result": "failed", "code": "probe-failed"} if name in self.unable else {}
            reply = {"to": command["id"], "verb": command["verb"], "result": "done", **failed}
            self.say(name, MessageKind.STATUS, state="running", reply=reply)

        client.on_message = answer
        client.connect(host, int(port))
        client.subscribe([(topics.of(MessageKind.COMMAND, name), 1), (topics.broadcast, 1)])
        client.loop_start()
        self.clients[name] = client
        self.say(name, MessageKind.HEARTBEAT, ok=True, interval=3600, checks={"process": "pass"})

    def say(self, name: str, kind: MessageKind, **said: Any) -> None:
        payload = json.dumps({"ts": timestamp(time.time()), **said})
        self.clients[name].publish(Topics().of(kind, name), payload, qos=1)

    def leave(self) -> None:
        for client in self.clients.values():
            client.loop_stop()
            client.disconnect()


@dataclass
class Stage:
    """A hub with agents, their past, and two receivers of alerts; a browser before it."""

    hub: Served
    agents: Agents
    browser: Any

    def fires(self, name: str, code: str, **said: Any) -> None:
        state = {"state": "firing", "severity": "warning"} | said
        self.agents.say(name, MessageKind.ALERT, code=code, **state)

    def told(self, agent: str, code: str) -> list[Any]:
        answer = self.hub.get(f"/v1/alerts?agent={agent}&code={code}&told=true&history=true")
        return [one for alert in answer["alerts"] for one in alert["told"]]


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A hub with two days of ada, four agents that live, and an alert that was told."""
    home = folder / "home"
    home.mkdir(0o700)
    now = time.time()
    asyncio.run(keep(home, past(now), now))
    (home / "hook.secret").touch(0o600)
    (home / "hook.secret").write_text("a long random word")
    for name in ("ada", "bob", "cyd", "dan"):
        Registry(home).save(Enrolled(name, labels={"group": "edge"}))
    Registry(home).save(Enrolled("eve"))
    with ExitStack() as undo:
        broker = Mosquitto(folder / "broker").start()
        undo.callback(broker.stop)
        taking = undo.enter_context(Webhook(200, said=b"thank you"))
        refusing = undo.enter_context(Webhook(400))
        routes = ROUTES.format(taking=taking.url, refusing=refusing.url)
        (home / "fleet.toml").write_text(routes)
        hub = Served(home, broker)
        undo.callback(hub.stop)
        hub.start()
        agents = Agents(broker, quiet={"cyd"}, unable={"dan"})
        undo.callback(agents.leave)
        for name in ("bob", "cyd", "dan", "eve"):
            agents.join(name)
        wait_until(lambda: hub.get("/v1/agents/eve")["ok"])
        acting = Stage(hub, agents, undo.enter_context(chromium()))
        acting.fires("bob", "disk-pressure", severity="critical", value=97, threshold=90)
        wait_until(lambda: len(acting.told("bob", "disk-pressure")) == 2, what="both routes")
        yield acting
