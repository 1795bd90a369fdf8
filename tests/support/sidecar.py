"""Real sidecars and a small hub that receipts, for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from fleet.contract.schema_validator import schema_validators
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.topics import FROM_AGENT, Topics
from fleet.contract.vocabulary import MessageKind
from fleet.domain.sequences import Sequence
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
JUDGES = schema_validators()


def stand_in(folder: Path) -> str:
    """A pid file in which the test itself stands for the agent: a sidecar that watches nothing
    knows nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stand-in.pid"
    path.write_text(f"{os.getpid()}\n")
    return str(path)


WATCHED = {"FLEET_KIND", "FLEET_PID_FILE", "FLEET_PROCESS", "FLEET_ENDPOINT"}
"""Settings that say what is watched."""


class Sidecar:
    """`agent-sidecar` for one agent as a user runs it; settings are environment variables."""

    def __init__(self, folder: Path, url: str, agent: str = "alpha", **settings: str) -> None:
        self.folder = folder
        self.agent = agent
        self.log = folder / f"{agent}.log"
        self.drop = folder / f"{agent}-drop"
        self.settings = {
            "FLEET_AGENT": agent,
            "FLEET_BROKER": url,
            "FLEET_HOME": str(folder / "home"),
            "FLEET_DROP": str(self.drop),
            "FLEET_INTERVAL": "1",
            **({} if WATCHED & settings.keys() else {"FLEET_PID_FILE": stand_in(folder)}),
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {**kept, "HOME": str(self.folder), "PYTHONPATH": str(ROOT), **self.settings}

    @property
    def state(self) -> Path:
        return self.folder / "home" / "sidecar" / self.agent

    def start(self, *before: str) -> Sidecar:
        """Start the daemon; `before` are words before it, such as `faketime -1h`. Such a program
        runs it as a child, so both get a group, which ends together."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "agent_sidecar", "run"],
                env=self.environ, stdout=log, stderr=log, cwd=self.folder,
                start_new_session=bool(before),
            )  # fmt: skip
        return self

    def call(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "agent_sidecar", *words],
            env={**self.environ, **settings}, capture_output=True, text=True, timeout=60,
            cwd=self.folder, check=False,
        )  # fmt: skip

    def put(self, kind: str, message: Mapping[str, Any], unique: str = "1") -> None:
        """Drop a message as `bus-publish` does."""
        temporary = self.drop / f".{kind}-{unique}.tmp"
        temporary.write_text(json.dumps(message))
        temporary.rename(self.drop / f"{kind}-{unique}.json")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it in order; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        if process.poll() is None:
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        return process.wait(20)


@dataclass(frozen=True)
class Heard:
    """One message as the hub got it, judged by the contract."""

    agent: str
    kind: MessageKind
    message: dict[str, Any]
    retain: bool

    @property
    def number(self) -> tuple[int, int] | None:
        seq = self.message.get("seq")
        return None if seq is None else (self.message["boot"], seq)


class Listener:
    """A hub for tests: hears everything, acknowledges after it has, and receipts if it is told to.

    Args:
        receipts: whether it sends receipts for what it has heard in order.
    """

    def __init__(
        self,
        port: int,
        *,
        receipts: bool = False,
        name: str = "zephyr",
        account: tuple[str, str] | None = None,
    ) -> None:
        self.heard: list[Heard] = []
        self.receipts = receipts
        self._port = port
        self._topics = Topics()
        self._sequences: dict[tuple[str, int], Sequence] = {}
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, name, clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
        )  # fmt: skip
        if account:
            self._client.username_pw_set(*account)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._take

    def start(self) -> Listener:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._ready.wait(20), "the listener could not subscribe"
        return self

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, topic: str, message: Mapping[str, Any] | bytes, *, retain: bool = False) -> None:
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def command(self, agent: str, verb: str, **fields: Any) -> str:
        """Send one command; its id."""
        import time

        id_ = str(fields.pop("id", ulid(time.time())))
        fields.setdefault("ts", timestamp(time.time()))
        message = {"verb": verb, "id": id_, **fields}
        self.send(self._topics.of(MessageKind.COMMAND, agent), message)
        return id_

    def notice(self, word: str) -> None:
        import time

        self.send(self._topics.broadcast, {"notice": word, "ts": timestamp(time.time())})

    def all(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Messages of `kind` whose fields are as given, in order of arrival."""
        with self._lock:
            heard = [item.message for item in self.heard if item.kind == kind]
        return [
            message
            for message in heard
            if all(message.get(name) == value for name, value in fields.items())
        ]

    def wait(self, kind: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """The last of at least `count` messages as `all` finds them."""
        what = f"{count} of {kind} with {fields}"
        wait_until(lambda: len(self.all(kind, **fields)) >= count, what=what)
        return self.all(kind, **fields)[-1]

    def reply(self, id_: str) -> dict[str, Any]:
        """The reply to the command `id_`."""

        def found() -> list[dict[str, Any]]:
            replies = (message.get("reply", {}) for message in self.all("status"))
            return [reply for reply in replies if reply.get("to") == id_]

        return wait_until(found, what=f"the reply to {id_}")[0]

    def retained(self, topics: tuple[str, ...] = ("fleet/#",)) -> dict[str, dict[str, Any]]:
        """What the broker holds now, by topic."""
        found: dict[str, dict[str, Any]] = {}
        done = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)

        def take(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
            if message.topic == "test/end":
                done.set()
            elif message.retain:
                found[message.topic] = json.loads(message.payload)

        client.on_message = take
        client.on_subscribe = lambda *_: client.publish("test/end", b"", qos=1)
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        client.subscribe([(topic, 1) for topic in (*topics, "test/end")])
        assert done.wait(20)
        client.disconnect()
        client.loop_stop()
        return found

    def _connected(self, *_: object) -> None:
        self._client.subscribe([(self._topics.every(kind), 1) for kind in FROM_AGENT])

    def _take(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        address = self._topics.parse(message.topic)
        body = JUDGES[address.kind].read(bytes(message.payload))
        heard = Heard(address.agent, address.kind, body, message.retain)
        with self._lock:
            self.heard.append(heard)
        if self.receipts and heard.number:
            self._receipt(address.agent, *heard.number)

    def _receipt(self, agent: str, boot: int, seq: int) -> None:
        """How far everything is here, by the hub's own rules; never over a hole."""
        known = self._sequences.get((agent, boot))
        if known is None:
            sequence = Sequence.starting(seq)
        else:
            sequence = known.given_up(seq) if known.has(seq) else known.seen(seq)
        self._sequences[agent, boot] = sequence
        last = sequence.receipt()
        if last is not None:
            topic = self._topics.of(MessageKind.RECEIPT, agent)
            self._client.publish(topic, json.dumps({"boot": boot, "seq": last}), qos=1)
