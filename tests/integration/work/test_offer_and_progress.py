"""A task is offered over a real broker, a real sidecar takes it up and tells of it, and whatever is
killed meanwhile, what it told is in the hub's store when it has its receipt."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar import kinds
from agent_sidecar.commands.task_offers import Offer
from agent_sidecar.config import load
from agent_sidecar.mqtt.lean_imports import import_paho
from agent_sidecar.telemetry.task_progress import TaskProgress
from fleet import keys
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.work_vocabulary import TaskReason, TaskState
from tests.support.broker import Mosquitto
from tests.support.served import Served
from tests.support.sidecar import Listener
from tests.support.waiting import wait_until

MOST = 60


class Worker:
    """A sidecar in this process, whose offers are noted; `tell` speaks from its own loop."""

    def __init__(self, folder: Path, broker: Mosquitto, trusted: Path, *, works: bool) -> None:
        import_paho()
        from agent_sidecar.runner import Runner

        folder.mkdir(exist_ok=True)
        config = load({}, {
            "FLEET_AGENT": "ada", "FLEET_BROKER": broker.url, "FLEET_HOME": str(folder),
            "FLEET_INTERVAL": "1", "FLEET_DROP": "-", "FLEET_DISK": "-", "FLEET_MEMORY": "-",
            "FLEET_COMMAND_KEYS": str(trusted), "FLEET_KIND": "generic",
        })  # fmt: skip
        config.state.mkdir(parents=True, exist_ok=True)
        self.offers: list[Offer] = []
        self.runner = Runner(
            config,
            kinds.assemble(config),
            offered=(lambda offer, _now: self.offers.append(offer)) if works else None,
        )
        self._thread = threading.Thread(target=self.runner.run, name="sidecar")
        self._thread.start()

    def tell(self, told: TaskProgress) -> None:
        speak = self.runner._publisher.progress
        self.runner._reactor.call(lambda: speak(told, time.monotonic()))

    @property
    def dropped(self) -> dict[str, int]:
        return dict(self.runner._queue.dropped)

    @property
    def waiting(self) -> int:
        return len(self.runner._outbox)

    def stop(self) -> None:
        self.runner.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()


class World:
    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.broker = folder, broker
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        keys.rotate(self.home, 0.0)
        self.hub = Served(self.home, broker).start()
        self.ear = Listener(broker.port, name="ear").start()
        self.workers: list[Worker] = []

    def worker(self, *, works: bool = True) -> Worker:
        trusted = self.home / "keys" / keys.PUBLIC
        made = Worker(self.folder / "ada", self.broker, trusted, works=works)
        self.workers.append(made)
        wait_until(lambda: self.ear.all("heartbeat"), what="the sidecar's first heartbeat")
        return made

    def offer(self, task: str, *, signed: bool = True, epoch: int = 0, age: float = 0.0) -> None:
        topic = "fleet/ada/task"
        body = {"id": task, "epoch": epoch, "ts": timestamp(time.time() - age), "ttl": 60}
        signer = keys.load_signer(self.home)
        assert signer is not None
        self.ear.send(topic, signer.sign(topic, body) if signed else body)

    def stored(self) -> list[dict[str, object]]:
        found = self.hub.get("/v1/history?kind=progress&limit=1000")["messages"]
        return [item["message"] for item in found]

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()
        self.ear.stop()
        self.hub.stop()


@pytest.fixture
def world(tmp_path: Path, broker: Mosquitto) -> Iterator[World]:
    made = World(tmp_path, broker)
    yield made
    made.stop()


def test_what_a_worker_tells_is_stored_before_its_receipt_whatever_is_killed(world: World) -> None:
    worker, task = world.worker(), ulid(time.time())
    world.offer(task, signed=False)
    world.offer(task, age=3600)
    world.offer(task)
    wait_until(lambda: worker.offers, what="the offer")
    assert [offer.task for offer in worker.offers] == [task]
    assert worker.dropped == {"untrusted-task": 1, "expired-task": 1}
    for number in range(1, MOST + 1):
        worker.tell(TaskProgress(task, number, number, TaskState.WORKING, number))
        if number in (20, 40):
            world.hub.kill()
            world.hub.start()
    worker.tell(TaskProgress(task, MOST, MOST, TaskState.FAILED, MOST, TaskReason.WORKER_EXIT))

    def is_told() -> bool:
        """What is told goes to the sidecar's own loop first: only its end says that all did."""
        ended = any(message["state"] == "failed" for message in world.stored())
        return ended and worker.waiting == 0

    wait_until(is_told, what="the last receipt")
    stored = world.stored()
    assert [message["epoch"] for message in stored] == [*range(1, MOST + 1), MOST]
    assert (stored[-1]["state"], stored[-1]["reason"]) == ("failed", "worker-exit")
    numbers = [(message["boot"], message["seq"]) for message in stored]
    assert len(set(numbers)) == len(numbers)


def test_who_does_not_work_hears_of_no_task(world: World) -> None:
    plain = world.worker(works=False)
    world.offer(ulid(time.time()))
    before = len(world.ear.all("heartbeat"))
    wait_until(lambda: len(world.ear.all("heartbeat")) > before + 1, what="two more heartbeats")
    assert (plain.offers, plain.dropped) == ([], {})
