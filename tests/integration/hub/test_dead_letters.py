"""Dead letters from the bus to the operator and back, by the command line; and their bound."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until

AMENDMENT = "---\nstatus: {status}\nadds: {{alert_codes: [gpu-hot]}}\n---\n# Alert on a hot GPU\n"


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    (tmp_path / "adr").mkdir()
    (tmp_path / "home").mkdir()
    served = Served(tmp_path / "home", broker, FLEET_ADR=str(tmp_path / "adr"))
    yield served
    served.stop()


@pytest.fixture
def ada(broker: Mosquitto) -> Iterator[Publisher]:
    publisher = Publisher(broker, "ada")
    yield publisher
    publisher.close()


def dead_letters(hub: Served) -> list[dict[str, Any]]:
    done = fleet("dead-letters", "list", "-o", "jsonl", environ=hub.environ)
    return [json.loads(line) for line in done.stdout.splitlines()]


def metric(hub: Served, name: str) -> float:
    text = hub.get("/metrics", "viewer")
    return sum(float(ln.split()[-1]) for ln in text.splitlines() if ln.startswith(name))


@pytest.mark.timeout(120)
def test_a_letter_is_listed_shown_and_replayed_once_the_contract_has_its_word(
    tmp_path: Path, hub: Served, ada: Publisher
) -> None:
    hub.start()
    alert = {"code": "gpu-hot", "severity": "warning", "state": "firing"}
    text = json.dumps({**alert, "ts": timestamp(time.time())})
    ada.publish("alert", text).wait_for_publish(10)
    [dead_letter] = wait_until(lambda: dead_letters(hub), what="the letter")
    assert (dead_letter["topic"], dead_letter["reason"]) == ("fleet/ada/alert", "unknown-word")
    assert (dead_letter["field"], dead_letter["size"]) == ("code", len(text))
    number = str(dead_letter["id"])
    listed = fleet("dead-letters", "list", environ=hub.environ).stdout
    assert number in listed
    assert "gpu-hot" not in listed, "its text is shown on demand only"
    shown = fleet("dead-letters", "show", number, environ=hub.environ)
    assert shown.stdout.strip() == text

    for status in (None, "proposed"):
        if status:
            (tmp_path / "adr" / "hot.md").write_text(AMENDMENT.format(status=status))
        refused = fleet("dead-letters", "replay", number, environ=hub.environ)
        assert refused.returncode == 3
        assert "still against the contract" in refused.stderr

    (tmp_path / "adr" / "hot.md").write_text(AMENDMENT.format(status="accepted"))
    hub.stop()
    hub.start()  # it reads the amendments when it starts
    assert firing(hub) == []
    done = fleet("dead-letters", "replay", number, environ=hub.environ)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: ("ada", "gpu-hot") in firing(hub), what="the alert of the replayed letter")
    assert len(dead_letters(hub)) == 1, "no second one"
    assert fleet("dead-letters", "show", "999999", environ=hub.environ).returncode == 3


def firing(hub: Served) -> list[tuple[str, str]]:
    return [(a["agent"], a["code"]) for a in hub.get("/v1/alerts")["alerts"]]


@pytest.mark.timeout(120)
def test_a_flood_pushes_the_oldest_out_and_is_counted(hub: Served, ada: Publisher) -> None:
    (hub.home / "fleet.toml").write_text("[retention]\nmax_dead_letters = 50\n")
    hub.start()
    most = 0
    for wave in range(6):
        ada.publish_all("heartbeat", [b'{"ok":true,"n":%d}' % n for n in range(200)])
        wait_until(lambda: metric(hub, "fleet_bus_rejects_total") == 200 * (wave + 1))  # noqa: B023
        most = max(most, len(dead_letters(hub)))
    assert most == 50
    assert metric(hub, "fleet_dead_letters_dropped_total") == 1200 - 50
    newest = str(dead_letters(hub)[0]["id"])
    shown = fleet("dead-letters", "show", newest, environ=hub.environ)
    assert json.loads(shown.stdout)["n"] == 199


def test_a_retained_command_that_an_operator_clears_is_counted_as_cleared(
    hub: Served, broker: Mosquitto
) -> None:
    hub.start()
    for topic in ("fleet/ada/command", "zephyr/broadcast"):
        subprocess.run(
            ["mosquitto_pub", "-p", str(broker.port), "-t", topic, "-r", "-n", "-q", "1"],
            check=True, timeout=20,
        )  # fmt: skip
    cleared = 'fleet_facts_total{fact="retained-cleared"}'
    wait_until(lambda: metric(hub, cleared) == 2, what="both in the counter")
    assert dead_letters(hub) == []
