"""One living fleet for the tests of metrics, rules and dashboards: broker, hub, two sidecars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.served import Served
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub that knows `ada` (well) and `bob` (a failing check), a reject and an ended command."""
    folder: Path = tmp_path_factory.mktemp("observe")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    ada = Sidecar(folder / "ada", broker.url, "ada").start()
    bob = Publisher(broker, "bob")
    bob.publish("heartbeat", BAD, retain=True)
    bob.publish("heartbeat", b'{"ok":true,"note":"call me"}')
    bob.publish("alert", ALERT)
    try:
        wait_until(lambda: served.ask("GET", "/v1/agents/ada")[0] == 200, what="ada")
        served.ask("POST", "/v1/send", body={"to": "ada", "verb": "health-check"})
        wait_until(lambda: 'outcome="done",verb="health-check"} 1' in scrape(served))
        wait_until(lambda: 'reason="unknown-field"} 1' in scrape(served), what="the reject")
        wait_until(lambda: "fleet_broker_clients_connected 3" in scrape(served), what="$SYS")
        wait_until(lambda: 'clock_skew_seconds{agent="ada"}' in scrape(served), what="skew")
        yield served
    finally:
        bob.close()
        ada.stop()
        served.stop()
        broker.stop()


def scrape(served: Served, accept: str = "*/*") -> str:
    status, text, _ = served.ask("GET", "/metrics", "viewer", headers={"Accept": accept})
    assert status == 200
    return str(text)


BAD = (
    b'{"ok":false,"ts":"2026-03-18T21:30:00Z","uptime":60,"interval":86400,'
    b'"checks":{"disk":"fail"},"metrics":{"tokens_input_total":12,"cost_usd_total":0.5,'
    b'"errors_total":1,"memory_bytes":1000000}}'
)
ALERT = (
    b'{"code":"disk-pressure","severity":"warning","state":"firing","ts":"2026-03-18T21:30:00Z"}'
)
