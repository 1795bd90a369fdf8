"""A small agent that keeps the whole contract, but for the one fault that it is told to have.

    python -m tests.support.faulty_agent PORT NAME FOLDER [FAULT]

State lies in FOLDER; with a file `keys` there, of one public key in hex, it demands signatures.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fleet.contract import signing
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import schema_validators
from fleet.contract.timestamps import epoch, timestamp
from fleet.contract.vocabulary import MessageKind, Verb

JUDGES = schema_validators()
Json = dict[str, Any]
UP = "up"
"""The file that says that the broker took it."""

TASK = "01KB5QZ2M4W3J8X7V6T5S4R3Q2"


class FaultyAgent:
    """One session. `kept`: what has no receipt yet, as (boot, seq, message)."""

    def __init__(self, port: int, name: str, folder: Path, fault: str) -> None:
        self.fault = fault
        self.folder = folder
        self.base = f"fleet/{name}"
        keys = folder / "keys"
        self.key = bytes.fromhex(keys.read_text().strip()) if keys.exists() else b""
        state: Json = {"boot": 0, "kept": [], "seen": []}
        if (folder / "state.json").exists():
            state = json.loads((folder / "state.json").read_text())
        self.before = int(state["boot"])
        self.boot = max(int(time.time() * 1000), self.before + 1)
        if self.has("boot-shrinks") and self.before:
            self.boot = self.before - 1
        self.seq = 0
        self.kept: list[list[Any]] = [] if self.has("no-outbox") else state["kept"]
        self.seen: set[str] = set(state["seen"])
        self.next_beat = 0.0
        self.epoch = 1000
        self.interval = 60 if self.has("no-beat") else 1
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        will = {"state": "offline", "ts": timestamp(time.time())}
        if not self.has("will-without-boot"):
            will["boot"] = self.boot - self.has("will-of-another")  # type: ignore[assignment]
        if not self.has("no-will"):
            topic, retain = f"{self.base}/status", not self.has("will-not-retained")
            self.client.will_set(topic, json.dumps(will), 1, retain)
        self.client.on_message = self.take
        self.client.connect("127.0.0.1", port, keepalive=20)

    def has(self, fault: str) -> bool:
        return self.fault == fault

    # --- what it says

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self.leave)
        if not self.has("no-birth"):
            self.state("running")
        for boot, seq, message in list(self.kept):
            if boot != self.boot:
                self.send("status", message | {"boot": boot, "seq": seq}, retain=False)
        topics = [f"{self.base}/command", f"{self.base}/receipt", "zephyr/broadcast"]
        if self.has("takes-any-offer"):
            topics.append(f"{self.base}/task")
        for topic in topics:
            self.client.subscribe(topic, 1)
        while True:
            self.client.loop(0.05)
            if self.client.is_connected():
                (self.folder / UP).touch()
            if time.time() >= self.next_beat and not self.has("never-beats"):
                self.next_beat = time.time() + self.interval
                if self.fault.startswith("status-"):
                    self.state("running")
                self.beat()

    def leave(self, *_: object) -> None:
        if not self.has("no-farewell"):
            self.state("offline")
        self.client.disconnect()
        end = time.time() + 0.3
        while time.time() < end and self.client.loop(0.02) == mqtt.MQTT_ERR_SUCCESS:
            pass
        self.save()
        sys.exit(0)

    def number(self) -> Json:
        self.seq += 1 + self.has("seq-skips")
        return {"boot": self.boot, "seq": self.seq - 1}

    def beat(self) -> None:
        ts = time.time() - 3600 * self.has("clock-behind")
        # What is not a beat comes first: who hears the beat has heard it.
        if self.fault.startswith("alert-"):
            code = "too-warm" if self.has("alert-code") else "disk-pressure"
            alert = {"code": code, "severity": "info", "state": "firing", "ts": timestamp(ts)}
            retain = not self.has("alert-not-retained")
            self.send("alert", alert | self.number(), retain=retain)
        if self.has("other-topic"):
            self.client.publish(f"{self.base}/debug", "1", 1)
        message: Json = {"ok": True, "ts": timestamp(ts), "interval": self.interval}
        if not self.has("unnumbered-beats"):
            message |= self.number()
        if self.has("seq-reused"):
            message["seq"] -= 1
            self.seq -= 1
        if self.has("heartbeat-field"):
            message["mood"] = 1
        self.send("heartbeat", message, retain=not self.has("heartbeat-not-retained"))
        if self.fault.startswith("progress-") or self.has("epoch-shrinks"):
            self.progress()

    def progress(self) -> None:
        """Of a task that it has for ever."""
        self.epoch = max(0, self.epoch - self.has("epoch-shrinks"))
        message: Json = {"task": TASK, "epoch": self.epoch, "attempt": 1, "state": "working",
                         "progress": 10, "ts": timestamp(time.time())}  # fmt: skip
        if self.has("progress-field"):  # nobody reads its number
            message |= {"mood": 1, "boot": self.boot, "seq": self.seq}
        else:
            message |= self.number()
        self.send("progress", message, retain=self.has("progress-retained"))

    def take_up(self, payload: bytes) -> None:
        """Whatever is offered."""
        try:
            task = json.loads(payload)["id"]
        except (ValueError, KeyError):
            return
        message = {"task": task, "epoch": 1, "attempt": 1, "state": "working", "progress": 0,
                   "ts": timestamp(time.time())}  # fmt: skip
        self.send("progress", message | self.number(), retain=False)

    def state(self, state: str, **more: Any) -> None:
        if self.has("status-word") and state == "running":
            state = "content"
        message = {"state": state, "ts": timestamp(time.time()), **more}
        if self.has("secret-in-version"):
            message["versions"] = {"agent": "AKIAIOSFODNN7EXAMPLE"}
        numbered = message | self.number()
        if not self.has("no-outbox"):
            self.kept.append([numbered["boot"], numbered["seq"], message])
        retain = "reply" not in more and not self.has("status-not-retained")
        if self.has("answers-retained"):
            retain = True
        if self.has("return-not-retained") and self.before:
            retain = False
        self.send("status", numbered, retain=retain)

    def send(self, kind: str, message: Json, *, retain: bool) -> None:
        properties = None
        if self.has("user-property"):
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = ("note", "text")
        qos = 0 if self.has("qos-0") else 1
        text = json.dumps(message, separators=(",", ":"))
        self.client.publish(f"{self.base}/{kind}", text, qos, retain, properties)
        self.save()

    def save(self) -> None:
        state = {"boot": self.boot, "kept": self.kept, "seen": sorted(self.seen)}
        (self.folder / "state.new").write_text(json.dumps(state))
        (self.folder / "state.new").replace(self.folder / "state.json")

    # --- what it is told

    def take(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.retain and not self.has("obeys-retained"):
            return
        kind = MessageKind(message.topic.rpartition("/")[2])
        if kind is MessageKind.TASK:
            self.take_up(bytes(message.payload))
            return
        try:
            said = self.read(kind, bytes(message.payload))
        except Rejected:
            return
        if kind is MessageKind.RECEIPT:
            self.receipt(message.topic, said)
        elif "notice" in said:
            if not self.has("deaf-to-notices") and self.trusts(message.topic, said) is None:
                self.state("running")
        else:
            self.command(message.topic, said)

    def read(self, kind: MessageKind, payload: bytes) -> Json:
        if self.has("any-size"):
            payload = payload.replace(b" ", b"")
        if self.fault in ("any-verb", "any-field", "key-twice"):
            said = json.loads(payload)
            if self.has("any-verb") and said.get("verb", "health-check") not in list(Verb):
                payload = payload.replace(said["verb"].encode(), b"status-report")
            if self.has("any-field"):
                payload = payload.replace(b',"argument":"tck"', b"")
            if self.has("key-twice") and len(payload) <= 4096:
                payload = json.dumps(said, separators=(",", ":")).encode()
        return JUDGES[kind].read(payload)

    def receipt(self, topic: str, said: Json) -> None:
        signed = "sig" in said or not self.has("unsigned-receipt")
        if signed and self.trusts(topic, said) is not None:
            return
        boot, seq = said["boot"], said["seq"]
        known = [row[1] for row in self.kept if row[0] == boot]
        last = self.seq - 1 if boot == self.boot else max(known, default=-1)
        if self.has("ignores-receipts") or (seq > last and not self.has("impossible-receipt")):
            return
        self.kept = [row for row in self.kept if row[0] != boot or row[1] > seq]
        self.save()

    def trusts(self, topic: str, said: Json) -> str | None:
        """Why it is not the hub's."""
        if not self.key:
            return None
        if "sig" not in said:
            return None if self.has("obeys-unsigned") else "unsigned"
        if said["kid"] != signing.key_id(self.key):
            return None if self.has("any-key") else "unknown-key"
        right = signing.verify(self.key, topic, said)
        if self.has("forged-ttl") and "ttl" in said:
            right = right or signing.verify(self.key, topic, said | {"ttl": said["ttl"] - 1})
        if self.has("any-target"):
            right = right or signing.verify(self.key, f"{topic}-of-another", said)
        return None if right else "bad-signature"

    def command(self, topic: str, said: Json) -> None:
        id_, now = said.get("id"), time.time()
        if id_ in self.seen and not self.has("answers-twice"):
            return
        age = now - epoch(said["ts"]) if "ts" in said else 0.0
        result, code = "done", "ok"
        if (distrust := self.trusts(topic, said)) is not None:
            result, code = "rejected", distrust
        elif age < -300 and not self.has("runs-early"):
            result, code = "rejected", "dated-ahead"
        elif age > said.get("ttl", 60) and not self.runs_expired(age):
            result, code = "expired", "ttl-expired"
        elif self.key and said.get("boot") != self.boot and not self.has("any-session"):
            result, code = "rejected", "other-session"
        if id_ is not None and code != "other-session":
            self.seen.add(id_)
        forgetful = self.has("forgets-asleep") and 1.5 < age < 100 and said["ttl"] > 60
        if not self.has("never-answers") and not forgetful:
            self.answer(said["verb"], id_, result, code)

    def runs_expired(self, age: float) -> bool:
        return self.has("runs-expired") or (self.has("runs-overslept") and age < 100)

    def answer(self, verb: str, id_: str | None, result: str, code: str) -> None:
        more: Json = {}
        if verb == "version-report" and not self.has("no-versions"):
            more["versions"] = {"agent": "1.0"}
        if verb == "health-check" and not self.has("no-beat"):
            self.beat()
        if verb == "config-reload":
            result, code = "unsupported", "not-configured"
            if self.has("reload-rejected"):
                result, code = "rejected", "rate-exceeded"
        reply = {"verb": verb, "result": result, "code": code}
        if id_ is not None and not self.has("answers-nobody"):
            reply["to"] = id_
        self.state("running", reply=reply, **more)


if __name__ == "__main__":
    port, name, folder, *fault = sys.argv[1:]
    FaultyAgent(int(port), name, Path(folder), *(fault or [""])).run()
