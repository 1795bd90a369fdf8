"""Many sidecars in one process, for rollouts: each is told of its tasks over MQTT, claims them over
HTTP, and says what runs there; some machines do no work with the new version."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fleet.contract.timestamps import timestamp
from fleet.contract.update_words import UpdateOrder
from tests.support.broker import Mosquitto
from tests.support.work_hub import WorkHub

OLD: Final = "1.0"
HANDS: Final = 4
"""Threads that carry out tasks."""


class SimulatedSidecars:
    """`bad`: agents that work with the old version alone.

    `installed` counts installations of the new version, `back` ways back, by agent; `most_broken`
    is how many were ever seen to run it and do no work at one time.
    """

    def __init__(
        self, hub: WorkHub, broker: Mosquitto, agents: Sequence[str], bad: Collection[str]
    ) -> None:
        self.agents = list(agents)
        self.bad = frozenset(bad)
        self.runs = dict.fromkeys(agents, OLD)
        self.installed: Counter[str] = Counter()
        self.back: Counter[str] = Counter()
        self.most_broken = 0
        self.failures: list[str] = []
        self._hub = hub
        self._tasks: queue.Queue[tuple[str, str] | None] = queue.Queue()
        self._lock = threading.Lock()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="sidecars")
        self._client.max_queued_messages_set(0)
        self._client.on_connect = lambda *_: self._client.subscribe("fleet/+/task", 1)
        self._client.on_message = self._offered
        self._client.connect("127.0.0.1", broker.port)
        self._hands = [threading.Thread(target=self._work, daemon=True) for _ in range(HANDS)]

    def start(self) -> None:
        """All say that they are there and work."""
        self._client.loop_start()
        for hand in self._hands:
            hand.start()
        for agent in self.agents:
            self._say(agent)

    def stop(self) -> None:
        for _ in self._hands:
            self._tasks.put(None)
        for hand in self._hands:
            hand.join(60)
        self._client.disconnect()
        self._client.loop_stop()

    def _say(self, agent: str) -> None:
        ts, runs = timestamp(time.time()), self.runs[agent]
        works = runs == OLD or agent not in self.bad
        beat = {
            "ok": True, "ts": ts, "interval": 3600, "checks": {"work": "pass" if works else "fail"},
        }  # fmt: skip
        status = {"state": "running", "ts": ts, "versions": {"agent": runs}}
        for kind, body in (("status", status), ("heartbeat", beat)):
            self._client.publish(f"fleet/{agent}/{kind}", json.dumps(body), 1, retain=True)

    def _offered(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        agent = message.topic.split("/")[1]
        self._tasks.put((agent, json.loads(message.payload)["id"]))

    def _work(self) -> None:
        while (offered := self._tasks.get()) is not None:
            try:
                self._carry_out(*offered)
            except (AssertionError, OSError, KeyError, ValueError) as error:
                self.failures.append(f"{offered}: {error!r}")

    def _carry_out(self, agent: str, task: str) -> None:
        status, claimed = self._hub.ask("POST", f"/v1/tasks/{task}/claim", agent)
        if status != 200:  # called off meanwhile, or offered twice
            return
        found = claimed["task"]
        digest, context = found["input"][0]["digest"], found["context"]
        told = self._hub.done("GET", f"/v1/blobs/{digest}?context={context}", agent)
        order = UpdateOrder.parse((told.get("text") or json.dumps(told)).encode())
        with self._lock:
            self.runs[agent] = order.version
            (self.back if order.leaving and order.version == OLD else self.installed)[agent] += 1
            broken = sum(self.runs[each] != OLD for each in self.bad)
            self.most_broken = max(self.most_broken, broken)
        body = {"epoch": found["epoch"]}
        self._hub.done("POST", f"/v1/tasks/{found['id']}/complete", agent, body)
        self._say(agent)
