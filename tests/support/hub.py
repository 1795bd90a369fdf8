"""A hub as a user runs it: `fleet serve` in a process of its own, and what its store then holds."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fleet.store.sqlite import FILE_NAME
from fleet.tokens import Principal, Role, Tokens
from tests.support.broker import Mosquitto, free_port
from tests.support.hub_http import ask
from tests.support.waiting import wait_until


class HubProcess:
    """`fleet serve` on a home of its own; `kill` and `start` again keep the home."""

    def __init__(
        self, home: Path, broker: Mosquitto, log: Path | None = None, **settings: str
    ) -> None:
        self.home = home
        self.http = f"127.0.0.1:{free_port()}"
        self._environ = {k: v for k, v in os.environ.items() if not k.startswith("FLEET_")} | {
            "FLEET_HOME": str(home),
            "FLEET_BROKER": broker.url,
            "FLEET_HTTP": self.http,
            **settings,
        }
        self._log = log or home.with_suffix(".log")
        self._process: subprocess.Popen[str] | None = None
        self._scraper = ""

    def start(self, *, standby: bool = False) -> HubProcess:
        """Return when it serves; one that has to stand by, at once."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fleet", "serve"],
                env=self._environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        if standby:
            return self
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), self._log.read_text()
        return self

    def take_another_port(self) -> None:
        """Where it serves from its next start on: while it is away, its port may be somebody
        else's."""
        self.http = f"127.0.0.1:{free_port()}"
        self._environ["FLEET_HTTP"] = self.http

    def scrape_token(self) -> str:
        """A token that `/metrics` takes."""
        if not self._scraper:
            self._scraper, _ = Tokens(self.home).create(
                Principal(Role.SCRAPER), "2026-01-01T00:00:00Z"
            )
        return self._scraper

    def scrape(self) -> str:
        """What `/metrics` says.

        Raises:
            OSError: it does not answer.
        """
        headers = {"Authorization": f"Bearer {self.scrape_token()}"}
        return ask(f"http://{self.http}/metrics", headers=headers).body.decode()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code. Nothing happens if it has ended."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
        code = process.wait(20)
        if process.stdout:
            process.stdout.close()
        return code

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def query(self, text: str, *values: object) -> list[tuple[object, ...]]:
        """Read the store, beside the hub."""
        path = self.home / FILE_NAME
        if not path.exists():
            return []
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(text, values).fetchall()
        except sqlite3.OperationalError:
            return []  # the hub has not made its tables yet
        finally:
            database.close()

    def count(self, kind: int = 0) -> int:
        """How many messages of a kind are stored: cheap enough to ask again and again."""
        found = self.query("SELECT count(*) FROM message WHERE kind = ?", kind)
        return int(str(found[0][0])) if found else 0

    def stored(self, kind: int = 0) -> Counter[bytes]:
        """Every stored payload of a kind (0 heartbeat, 1 status, 2 alert), with its count."""
        rows = self.query("SELECT payload FROM message WHERE kind = ?", kind)
        return Counter(bytes(payload) for (payload,) in rows)  # type: ignore[call-overload]


class Publisher:
    """An agent's link: QoS 1, every publish counted when the broker has it."""

    def __init__(self, broker: Mosquitto, name: str) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self._client.max_inflight_messages_set(100)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self.name = name
        self.inbox: list[tuple[str, dict[str, object]]] = []
        self._client.on_message = self._keep

    def listen(self, *topics: str) -> None:
        done = threading.Event()
        self._client.on_subscribe = lambda *_: done.set()
        for topic in topics:
            done.clear()
            self._client.subscribe(topic, 1)
            assert done.wait(10)

    def _keep(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self.inbox.append((message.topic, json.loads(message.payload)))

    def publish_as(self, agent: str, kind: str, payload: bytes | str) -> mqtt.MQTTMessageInfo:
        """In the name of another agent, where the broker lets anybody."""
        return self._client.publish(f"fleet/{agent}/{kind}", payload, 1)

    def publish(
        self, kind: str, payload: bytes | str, *, retain: bool = False
    ) -> mqtt.MQTTMessageInfo:
        return self._client.publish(f"fleet/{self.name}/{kind}", payload, 1, retain)

    def publish_all(self, kind: str, payloads: Iterable[bytes]) -> None:
        """Publish and wait until the broker has them."""
        for info in [self.publish(kind, payload) for payload in payloads]:
            info.wait_for_publish(30)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def wait_stored(hub: HubProcess, count: int, kind: int = 0) -> None:
    """Wait for exactly `count`; one too many fails at once."""

    def all_there() -> bool:
        found = hub.count(kind)
        assert found <= count, f"{found} messages are stored, {found - count} too many"
        return found == count

    wait_until(all_there, deadline=60, what=f"{count} stored messages")
