"""One fleet in which every situation is played to its end: a broker, a hub, and what was said."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fleet.contract.fields import Message
from fleet.contract.messages import Heartbeat, Status
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import HubAlertCode, State
from fleet.domain.events import Event, Fact
from fleet.domain.roster import Roster
from fleet.domain.severities import severity_of
from fleet.domain.silences import Silence
from fleet.hub.committer import HUB, Committer
from fleet.hub.counters import Counters
from fleet.hub.feed import Feed
from fleet.hub.hub_time import HubTime
from fleet.provisioning.registry import Enrolled, Registry
from fleet.settings import load
from fleet.store.open import hub_store
from fleet.store.records import StoredMessage
from tests.support.broker import Mosquitto
from tests.support.held_situations import SITUATIONS
from tests.support.prometheus import Webhook
from tests.support.served import Served, fleet
from tests.support.situation import BEFORE, CRITICAL, DAY, HOUR, LATER, Said, beat, fires
from tests.support.waiting import wait_until

LIFT, REVOKED = "lift", "revoked"
A_WHILE: Final = 100.0
ROUTE: Final = """\
[routes.oncall]
channel = "webhook"
url = "{url}/hook"
secret_file = "hook.secret"
[alerts]
degraded_after = 86400
flap_window = 86400
"""
UNWELL_FOR: Final = DAY + HOUR


class World:
    """One broker, one hub, and every situation played to its end."""

    def __init__(self, folder: Path) -> None:
        self.webhook = Webhook().__enter__()
        self.broker = Mosquitto(folder / "broker", persistence=True).start()
        home = folder / "home"
        home.mkdir()
        (home / "fleet.toml").write_text(ROUTE.format(url=self.webhook.url))
        (home / "hook.secret").touch(0o600)
        (home / "hook.secret").write_text("a long random word")
        self.registry = Registry(home)
        for one in SITUATIONS:
            if one.enrolled == BEFORE:
                self.registry.save(Enrolled(one.name, groups=one.groups))
        self.registry.save(Enrolled(REVOKED))
        asyncio.run(leave_behind(home))
        self.publish((one.name, said) for one in SITUATIONS for said in one.before)
        self.hub = Served(home, self.broker).start()
        self.publish((one.name, said) for one in SITUATIONS for said in one.live)
        time.sleep(1.2)  # a clock that is off shows in two messages that are a second apart
        self.publish((one.name, said) for one in SITUATIONS for said in one.later)
        for one in SITUATIONS:
            for path, body in one.acts:
                self._act(path, dict(body))
        self._act("/v1/silences", {"code": HubAlertCode.ACL_OPEN, "seconds": HOUR})
        self._change_members()
        self.settle()

    def _change_members(self) -> None:
        """While the hub serves, somebody is enrolled and somebody revoked."""
        self.publish([(REVOKED, beat()), (REVOKED, fires("restart-loop", CRITICAL))])
        wait_until(lambda: "restart-loop" in self.hub.get(f"/v1/agents/{REVOKED}")["alerts"])
        assert f'agent="{REVOKED}"' in self.hub.get("/metrics", "viewer")
        self.registry.revoke(REVOKED, time.time())
        for one in SITUATIONS:
            if one.enrolled == LATER:
                self.registry.save(Enrolled(one.name))
                wait_until(
                    lambda name=one.name: self.hub.ask("GET", f"/v1/agents/{name}")[0] == 200
                )
        self.publish((REVOKED, Said(kind, {})) for kind in ("heartbeat", "alert"))

    def publish(self, messages: Iterable[tuple[str, Said]]) -> None:
        """Retained, in order, or cleared where nothing is said; back when the broker has them."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="situations")
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        for name, said in messages:
            body = {**said.body, "ts": timestamp(time.time() - said.ago)}
            text = json.dumps(body) if said.body else ""
            topic = f"fleet/{name}/{said.kind}"
            client.publish(topic, text, 1, retain=True).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def settle(self) -> None:
        """Wait until the hub listens long enough to judge silence: who beats last is stale."""
        began = timestamp(time.time())
        self.publish([("stale", beat(interval=1))])
        wait_until(lambda: self._stale_after(began), what="the judgement of silence")

    def begin(self, phase: str) -> None:
        """Bring about what a phase of the tests is about, whichever came before it."""
        if phase == "restarted":
            self.hub.kill()
            self.hub.start()
            self.settle()
        elif phase == "announced":
            self._announce("maintenance-begin")
        elif phase == "deaf":
            self._announce("maintenance-end")
            self.broker.stop()
            wait_until(self._is_deaf, what="the loss of the link")
        elif phase == "alone":
            self.hub.stop()
            self.broker.stop()  # it may run still, where the phase before was left out
            self.broker.start()

    def _announce(self, notice: str) -> None:
        done = fleet("broadcast", notice, environ=self.hub.environ)
        assert done.returncode == 0, done.stderr
        begins = notice == "maintenance-begin"

        def heard() -> bool:
            silences = self.hub.get("/v1/silences")["silences"]
            return begins is any(s["id"] == "maintenance-all" for s in silences)

        wait_until(heard, what=notice)

    def _is_deaf(self) -> bool:
        return any(p["code"] == "broker-down" for p in self.hub.get("/v1/agents")["hub"])

    def close(self) -> None:
        self.hub.stop()
        self.broker.stop()
        self.webhook.__exit__()

    def told(self) -> dict[tuple[str, str], tuple[str, str]]:
        """(state, severity) of what the webhook heard last, by agent and code."""
        heard = {}
        for post in self.webhook.json():
            for member in post["members"]:
                heard[member["agent"], post["code"]] = post["state"], member["severity"]
        return heard

    def _stale_after(self, seen: str) -> bool:
        agent = self.hub.get("/v1/agents/stale")
        if agent["state"] != "stale" or agent["last_seen"] < seen:
            return False
        told = self.hub.get("/v1/alerts")["alerts"]  # the book's, which the next tick writes
        return [a["code"] for a in told if a["agent"] == "stale" and a["state"] == "firing"] == [
            "agent-stale"
        ]

    def _silences_of(self, agent: str) -> list[str]:
        listed = self.hub.get("/v1/silences")["silences"]
        return [silence["id"] for silence in listed if silence["agent"] == agent]

    def _act(self, path: str, body: dict[str, Any]) -> None:
        if path == LIFT:
            [silence] = wait_until(lambda: self._silences_of(body["agent"]), what=f"{body}")
            assert self.hub.ask("DELETE", f"/v1/silences/{silence}")[0] == 204
            return
        wait_until(lambda: self.hub.ask("POST", path, body=body)[0] < 300, what=f"{path} {body}")


async def leave_behind(home: Path) -> None:
    """What an earlier hub left in the store: who is unwell for a day, maintenance of nine hours
    ago, somebody who is revoked
    since, a hole in an agent's numbers, a silence that has ended, and alerts of its own."""
    clock = [time.time() - UNWELL_FOR]
    roster, counters = Roster(), Counters()
    store = hub_store(load({"home": str(home)}, {}))
    at_hand = HubTime(lambda: clock[0], lambda: clock[0])
    committer = Committer(store, roster, Feed(counters), counters, at_hand)
    committer.restore(store.open(), lambda *_: Heartbeat(ok=True, ts=timestamp(clock[0])))

    async def hear(*heard: tuple[str, Message], events: list[Event]) -> None:
        messages = []
        for agent, message in heard:
            kind, number = message.kind_of_message, committer.next_id()
            events += roster.observe(Address(agent, kind), message, at=clock[0])
            payload = message.to_payload()
            messages.append(StoredMessage(number, clock[0], agent, kind, False, payload))
        await committer.commit(committer.enqueue(messages, events=events, save_all=True))

    ill = Heartbeat(ok=False, ts=timestamp(clock[0]), interval=DAY)
    await hear(("unwell", ill), events=[])
    clock[0] = time.time() - 9 * HOUR
    ts = timestamp(clock[0])
    own = (HubAlertCode.AUDIT_VIOLATION, HubAlertCode.ACL_OPEN)
    firing = [Event(Fact.ALERT_FIRING, HUB, clock[0], code, severity_of(code)) for code in own]
    planned = "maintained-long", Status(state=State.MAINTENANCE, ts=ts)
    await hear(planned, (REVOKED, Heartbeat(ok=True, ts=ts)), events=firing)
    clock[0] = time.time() - A_WHILE
    ts = timestamp(clock[0])
    holed = [Heartbeat(ok=True, ts=ts, interval=DAY, boot=1000, seq=seq) for seq in (0, 5)]
    committer.silence(Silence("over", clock[0] + 10, agent="silence-ran-out"))
    await hear(*(("gap", beat) for beat in holed), events=[])
    await store.close()
