"""A hub whose database goes away: it says so, keeps all that came meanwhile, and goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.timestamps import timestamp
from tests.support import postgres
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess, Publisher
from tests.support.hub_http import ask
from tests.support.receivers import Receiver
from tests.support.stores import PostgresPlace
from tests.support.waiting import wait_until

pytestmark = postgres.needs_postgres


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver(lambda _: 200)
    yield receiver
    receiver.close()


@pytest.fixture
def place(tmp_path: Path) -> PostgresPlace:
    return PostgresPlace(tmp_path)


@pytest.fixture
def hub(
    tmp_path: Path, broker: Mosquitto, place: PostgresPlace, receiver: Receiver
) -> Iterator[HubProcess]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "hook.secret").write_text("a long random word")
    (home / "hook.secret").chmod(0o600)
    (home / "fleet.toml").write_text(
        f'store = "{place.url}"\n[routes.all]\nchannel = "webhook"\nurl = "{receiver.url}"\n'
        'secret_file = "hook.secret"\n'
    )
    hub = HubProcess(home, broker)
    yield hub
    hub.kill()


@pytest.mark.timeout(180)
def test_a_database_that_is_away_is_a_pause_and_an_alert_and_loses_nothing(
    hub: HubProcess, broker: Mosquitto, place: PostgresPlace, receiver: Receiver
) -> None:
    hub.start()
    larry = Publisher(broker, "larry")
    larry.publish_all("heartbeat", [_beat(n) for n in range(100)])
    wait_until(lambda: _stored(place) == 100, what="the first beats")
    place.server.crash()
    try:
        larry.publish_all("heartbeat", [_beat(n) for n in range(100, 300)])
        wait_until(lambda: "intake paused" in hub.log, what="the pause")
        wait_until(lambda: _told(receiver) == ["firing"], what="the alert")
    finally:
        place.server.start()
    wait_until(lambda: _stored(place) == 300, what="what came meanwhile")
    wait_until(lambda: _told(receiver) == ["firing", "resolved"], what="the alert's end")
    [(different,)] = place.server.run(
        "SELECT count(DISTINCT payload) FROM message WHERE kind = 0", database=place.name
    )
    assert different == 300
    assert hub.stop() == 0
    larry.close()


@pytest.mark.timeout(180)
def test_an_idle_hub_notices_it_too_and_says_it_once(
    hub: HubProcess, place: PostgresPlace, receiver: Receiver
) -> None:
    hub.start()
    place.server.crash()
    try:
        wait_until(lambda: "intake paused" in hub.log, what="the pause")
        wait_until(lambda: _told(receiver) == ["firing"], what="the alert")
        wait_until(lambda: "work waits" in hub.log, what="the wait of work")
        assert ask(f"http://{hub.http}/readyz").status == 503
    finally:
        place.server.start()
    wait_until(lambda: "intake resumed" in hub.log, what="the end of the pause")
    wait_until(lambda: "work goes on" in hub.log, what="work")
    wait_until(lambda: _told(receiver) == ["firing", "resolved"], what="the alert's end")
    assert [hub.log.count(said) for said in ("intake paused", "work waits")] == [1, 1]
    assert hub.stop() == 0


def _told(receiver: Receiver) -> list[str]:
    taken = list(receiver.taken)
    return [one.message["state"] for one in taken if one.message["code"] == "store-down"]


def _stored(place: PostgresPlace) -> int:
    [(number,)] = place.server.run(
        "SELECT count(*) FROM message WHERE kind = 0", database=place.name
    )
    return int(number)


def _beat(seq: int) -> bytes:
    return json.dumps({"ok": True, "ts": timestamp(time.time()), "boot": 7, "seq": seq}).encode()
