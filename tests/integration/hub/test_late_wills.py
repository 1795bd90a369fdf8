"""The will of a link that nobody misses: an agent at the other broker is asked, and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import HubProcess, Publisher
from tests.support.pair import Pair
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

VERDICTS = "SELECT word FROM event WHERE agent = 'alpha' AND fact = 'verdict' ORDER BY id"
FIRST_BEAT = "SELECT payload FROM message WHERE kind = 0 LIMIT 1"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path / "pair").start()
    yield made
    made.kill()


def test_an_agent_that_lives_is_well_again_before_its_next_heartbeat(
    tmp_path: Path, pair: Pair
) -> None:
    hub = HubProcess(tmp_path / "hub", pair.first, FLEET_BROKER=pair.url).start()
    alpha = Sidecar(tmp_path / "alpha", pair.second.url, FLEET_INTERVAL="3600").start()
    try:
        wait_until(lambda: hub.query(VERDICTS)[-1:] == [("ok",)], what="alpha, over the bridge")
        [(payload,)] = wait_until(lambda: hub.query(FIRST_BEAT), what="its first heartbeat")
        boot = json.loads(bytes(payload))["boot"]  # type: ignore[call-overload]
        elsewhere = Publisher(pair.first, "of-the-broker")
        will = {"state": "offline", "ts": "2026-01-01T00:00:00Z", "boot": boot}
        elsewhere.name = "alpha"
        elsewhere.publish("status", json.dumps(will)).wait_for_publish(10)
        told = [("ok",), ("offline",), ("ok",)]
        wait_until(lambda: hub.query(VERDICTS)[-3:] == told, what="that it is alive")
        elsewhere.close()
    finally:
        alpha.kill()
        hub.kill()
