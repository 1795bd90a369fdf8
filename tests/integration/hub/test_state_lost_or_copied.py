"""Whatever becomes of a sidecar's state on disk, a captured command never runs a second time, and
what the hub sends runs all the same: the real hub, the real sidecar, a broker that takes everything
from everybody."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fleet import keys
from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.sidecar import Listener, Sidecar
from tests.support.waiting import wait_until

WEEK = 604_800


class Tap:
    """Somebody at the broker who keeps the commands that pass, and plays them again."""

    def __init__(self, port: int) -> None:
        self.captured: list[tuple[str, bytes]] = []
        ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._keep
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe([("fleet/+/command", 1), ("zephyr/broadcast", 1)])
        assert ready.wait(20)

    def _keep(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if b'"verb"' in message.payload:  # a notice is answered by nobody
            self.captured.append((message.topic, message.payload))

    def replay(self) -> int:
        """Publish everything that was captured so far; how many."""
        old = [*self.captured]
        for topic, payload in old:
            self._client.publish(topic, payload, qos=1).wait_for_publish(10)
        return len(old)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class World:
    """A hub with keys, one agent's sidecar that counts its reloads in a file, and a tap."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        home = folder / "home"
        home.mkdir(mode=0o700)
        keys.rotate(home, time.time())
        self.hub = Served(home, broker).start()
        self.tap = Tap(broker.port)
        self.ear = Listener(broker.port, name="ear").start()
        self._ran = folder / "ran"
        self._ran.touch()
        program = folder / "reload.py"
        program.write_text(f"open({str(self._ran)!r}, 'a').write('x')\n")
        self.sidecar = Sidecar(
            folder / "ada", broker.url, "ada",
            FLEET_COMMAND_KEYS=str(home / "keys" / keys.PUBLIC),
            FLEET_RELOAD=f"python3 {program}",
        )  # fmt: skip

    @property
    def reloads(self) -> int:
        return len(self._ran.read_text())

    def send(self, **more: object) -> str:
        body = {"to": ["ada"], "verb": "config-reload", "ttl": WEEK, **more}
        status, answer, _ = self.hub.ask("POST", "/v1/send", "operator", body)
        assert status == 202, answer
        return str(answer["ids"][0])

    def state_of(self, id_: str) -> str:
        found = [item for item in self.hub.get("/v1/inbox")["messages"] if item["id"] == id_]
        return str(found[0]["state"])

    def done(self, id_: str) -> None:
        wait_until(lambda: self.state_of(id_) == "done", what="the command's end")

    def replayed(self) -> None:
        """Play everything again, and see it refused."""
        wanted = self.refusals() + self.tap.replay()
        wait_until(lambda: self.refusals() >= wanted, what="the refusals")

    def refusals(self) -> int:
        replies = [status.get("reply", {}) for status in self.ear.all("status")]
        return [reply.get("code") for reply in replies].count("other-session")

    def told(self) -> int:
        """How many commands the hub says were refused that were not its own, or old."""
        name = 'fleet_facts_total{fact="command-refused"}'
        found = str(self.hub.get("/metrics", "viewer")).partition(name)[2]
        return int(float(found.split()[0]))

    def born(self) -> int:
        """Start the sidecar and wait for its birth; its session."""
        last = self.hub.get("/v1/agents/ada").get("boot") or 0
        self.sidecar.start()

        def now() -> int:
            agent = self.hub.get("/v1/agents/ada")
            return int(agent["boot"] or 0) if agent.get("state") == "ok" else 0

        return wait_until(lambda: now() > last and now(), what="the birth")

    def stop(self) -> None:
        self.sidecar.kill()
        self.tap.stop()
        self.ear.stop()
        self.hub.stop()


@pytest.fixture
def world(tmp_path: Path, broker: Mosquitto) -> Iterator[World]:
    made = World(tmp_path, broker)
    yield made
    made.stop()


def test_a_captured_reload_never_runs_twice(world: World, tmp_path: Path) -> None:
    world.born()
    world.sidecar.kill()
    older = tmp_path / "older"
    shutil.copytree(world.sidecar.state, older)
    world.born()
    world.done(world.send())
    assert world.reloads == 1
    for restored in (None, older):
        world.sidecar.kill()
        shutil.rmtree(world.sidecar.state)
        if restored:
            shutil.copytree(restored, world.sidecar.state)
        world.born()
        world.replayed()
        world.done(world.send())  # what is meant for the new session runs, and only that
    assert world.reloads == 3
    wait_until(lambda: world.told() >= 2, what="the hub's word of what was played again")


def test_a_one_shot_from_an_older_copy_obeys_the_hub_and_no_replay(
    world: World, tmp_path: Path
) -> None:
    call = world.sidecar
    call.folder.mkdir(parents=True, exist_ok=True)
    call.settings["FLEET_DROP"] = "-"
    call.settings["FLEET_INTERVAL"] = "600"
    assert call.call("beat").returncode == 0
    older = tmp_path / "older"
    shutil.copytree(call.state, older)
    first = world.send()
    wait_until(lambda: world.state_of(first) == "sent")
    assert call.call("handle").returncode == 0
    assert world.reloads == 1
    world.done(first)
    shutil.rmtree(call.state)
    shutil.copytree(older, call.state)
    before, played = world.refusals(), world.tap.replay()
    assert call.call("handle").returncode == 0
    assert world.refusals() == before + played
    assert world.reloads == 1


def test_what_is_sent_while_the_agent_is_away_runs_when_it_is_back(world: World) -> None:
    world.born()
    world.sidecar.stop()
    wait_until(lambda: world.hub.get("/v1/agents/ada")["state"] == "offline")
    waiting = world.send()
    assert world.state_of(waiting) == "queued"
    world.born()
    world.done(waiting)
    assert (world.reloads, world.told()) == (1, 0)
    world.sidecar.kill()  # and once is enough, whatever is played again to the same state
    world.born()
    before, played = world.refusals(), world.tap.replay()
    wait_until(lambda: world.ear.all("heartbeat")[-1]["metrics"]["rejected_total"] >= played)
    assert (world.reloads, world.refusals()) == (1, before), "its own state knows what it ran"


def test_without_a_hub_and_by_broadcast_a_sidecar_that_has_just_begun_is_commanded(
    world: World,
) -> None:
    world.born()
    to_all = {"verb": "config-reload", "ttl": 60}
    status, answer, _ = world.hub.ask("POST", "/v1/send", "operator", to_all)
    assert status == 202, answer
    wait_until(lambda: world.reloads == 1, what="the broadcast's reload")
    world.hub.stop()
    for words in (["ada"], ["--all"]):
        done = fleet("command", "config-reload", *words, environ=world.hub.environ)
        assert done.returncode == 0, done.stderr
    assert world.reloads == 3
    assert world.refusals() >= 3  # no hub receipts them, so the sidecar says them again
