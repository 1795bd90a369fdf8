"""`fleet forecast` over weeks that a hub summed up, by the hub and by the store that it left."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind
from fleet.store.records import Batch, StoredMessage
from fleet.store.sqlite import SqliteStore
from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until

HOUR, DAYS = 3600, 17
SIZE = 2e11


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    served = Served(tmp_path / "home", broker)
    yield served
    served.stop()


def beats() -> Iterator[StoredMessage]:
    """ada's disk loses 5 % of all a day; bob's is level."""
    first = time.time() // HOUR * HOUR - DAYS * 24 * HOUR + 60
    for hour in range(DAYS * 24):
        for agent, left in (("ada", 1 - 0.05 * hour / 24), ("bob", 0.5)):
            metrics = {"disk_available_bytes": round(SIZE * left), "disk_size_bytes": SIZE}
            at = first + hour * HOUR
            beat = {"ok": True, "ts": timestamp(at), "metrics": metrics}
            number = 2 * hour + (agent == "bob") + 1
            yield StoredMessage(
                number, at, agent, MessageKind.HEARTBEAT, False, json.dumps(beat).encode()
            )


@pytest.mark.timeout(120)
async def test_the_disk_that_fills_comes_first_with_its_end(hub: Served) -> None:
    store = SqliteStore(hub.home)
    store.open()
    await store.commit(Batch(list(beats())))
    await store.close()
    hub.start()

    def asked(*words: str) -> str:
        done = fleet("forecast", *words, environ=hub.environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def whole() -> bool:
        hours = fleet("history", "--hourly", "-n", "9999", "-o", "jsonl", environ=hub.environ)
        return len(hours.stdout.splitlines()) == 2 * DAYS * 24

    wait_until(whole, deadline=60, what="all hours")
    of_hub = asked().splitlines()
    assert of_hub[0].split() == ["AGENT", "METRIC", "LEFT", "CHANGE", "A", "DAY", "FULL", "IN",
                                 "CONFIDENCE"]  # fmt: skip
    assert of_hub[1].split()[:5] == ["ada", "disk_available_bytes", "30.4", "GB", "-10"]
    assert of_hub[2].split()[:2] == ["bob", "disk_available_bytes"]
    assert "not at this rate" in of_hub[2]
    hub.stop()
    ada, bob = json.loads(asked("-o", "json"))["forecasts"]
    assert (ada["agent"], ada["alerts"], ada["confidence"]) == ("ada", True, "high")
    assert ada["per_day"] == pytest.approx(-0.05 * SIZE, rel=0.01)
    assert ada["exhausts_at"] == pytest.approx(time.time() + 3 * 24 * HOUR, abs=3 * HOUR)
    assert (bob["per_day"], bob["exhausts_at"], bob["alerts"]) == (0, None, False)
    assert [json.loads(line) for line in asked("bob", "-o", "jsonl").splitlines()] == [bob]
    assert asked("nobody") == ""
    wrong = fleet("forecast", "No Name", environ=hub.environ)
    assert wrong.returncode == 3
    assert "Try: fleet status" in wrong.stderr
