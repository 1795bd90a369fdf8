"""Where signing is on, nobody else's notice silences the fleet, and nobody's receipt empties an
outbox."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet import keys
from fleet.contract.timestamps import timestamp, ulid
from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.sidecar import Listener, Sidecar
from tests.support.waiting import wait_until


@pytest.fixture
def served(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    """A hub with keys."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    keys.rotate(home, time.time())
    hub = Served(home, broker)
    yield hub
    hub.stop()


def silences(served: Served) -> list[str]:
    return [silence["id"] for silence in served.get("/v1/silences")["silences"]]


def test_only_a_signed_notice_silences_the_fleet(served: Served, broker: Mosquitto) -> None:
    served.start()
    stranger = Listener(broker.port, name="stranger").start()
    now = time.time()
    notice = {"notice": "maintenance-begin", "ts": timestamp(now), "id": ulid(now)}
    stranger.send("zephyr/broadcast", notice)
    letters = wait_until(lambda: served.get("/v1/dead-letters")["dead_letters"])
    assert [letter["reason"] for letter in letters] == ["untrusted"]
    assert silences(served) == []
    assert fleet("broadcast", "maintenance-begin", environ=served.environ).returncode == 0
    wait_until(lambda: silences(served) == ["maintenance-all"], what="the operator's notice")
    stranger.stop()


def test_only_a_signed_receipt_empties_an_outbox(
    tmp_path: Path, served: Served, broker: Mosquitto
) -> None:
    public = str(served.home / "keys" / keys.PUBLIC)
    stranger = Listener(broker.port, name="stranger").start()
    sidecar = Sidecar(tmp_path, broker.url, "ada", FLEET_COMMAND_KEYS=public).start()
    try:
        born = stranger.wait("status", state="running")

        def metric(name: str) -> float:
            return float(stranger.all("heartbeat")[-1]["metrics"][name])

        wait_until(lambda: stranger.all("heartbeat") and metric("outbox_messages") >= 1)
        held = metric("outbox_messages")
        stranger.send("fleet/ada/receipt", {"boot": born["boot"], "seq": born["seq"]})
        wait_until(lambda: metric("rejected_total") == 1, what="the refusal")
        assert metric("outbox_messages") >= held
        served.start()  # the real hub: its receipts are signed
        wait_until(lambda: metric("outbox_messages") == 0, what="the hub's own receipt")
        assert metric("rejected_total") == 1
    finally:
        sidecar.stop()
        stranger.stop()
