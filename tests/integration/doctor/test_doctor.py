"""`fleet doctor` beside real brokers: what is broken on purpose is found and has a remedy."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from tests.support import postgres
from tests.support.broker import SHIPPED, Mosquitto, free_port
from tests.support.hub import HubProcess
from tests.support.provisioned import ProvisionedBroker
from tests.support.served import Served, environment, fleet
from tests.support.stores import PostgresPlace
from tests.support.waiting import wait_until

Found = dict[str, tuple[str, str, str | None]]


def examined(environ: dict[str, str]) -> tuple[int, Found]:
    """Exit code and (level, sentence, remedy) by check."""
    done = fleet("doctor", "-o", "json", environ=environ)
    assert done.stderr == ""
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, {
        one["check"]: (one["level"], one["said"], one["try"]) for one in answer["findings"]
    }


def closed(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


def test_metrics_that_are_open_are_told(tmp_path: Path, broker: Mosquitto) -> None:
    environ = environment(closed(tmp_path), FLEET_BROKER=broker.url)
    assert "metrics" not in examined(environ)[1]
    (tmp_path / "home" / "fleet.toml").write_text("[http_service]\nopen_metrics = true\n")
    level, said, remedy = examined(environ)[1]["metrics"]
    assert (level, said) == ("warning", "every user of this machine may read /metrics")
    assert remedy is not None
    assert "open_metrics = false" in remedy


def test_a_hub_that_serves_is_ready_and_its_broker_well(tmp_path: Path, broker: Mosquitto) -> None:
    hub = Served(closed(tmp_path), broker).start()
    try:
        code, found = examined(hub.environ)
    finally:
        hub.stop()
    assert code == 1, "no routes, and a broker open to this machine: warnings only"
    assert {check: level for check, (level, _, _) in found.items() if level == "critical"} == {}
    for check in ("home", "hub", "clocks", "broker", "round trip", "dropped", "queues", "retained"):
        assert found[check][0] == "ok", found[check]
    assert "MQTT 5 and MQTT 3.1.1" in found["broker"][1]
    assert found["door"][:2] == ("warning", "the broker lets in anybody on this machine")
    assert all(remedy for level, _, remedy in found.values() if level in ("warning", "critical"))


def test_mosquittos_defaults_are_called_what_they_are(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", ()).start()
    try:
        environ = environment(closed(tmp_path), FLEET_BROKER=broker.url)
        code, found = examined(environ)
    finally:
        broker.stop()
    assert code == 2
    assert found["queues"][0] == "critical"
    assert "max_queued_messages 0" in str(found["queues"][2])
    assert found["nodelay"][0] == "warning"


def test_a_retained_command_is_poison(tmp_path: Path, broker: Mosquitto) -> None:
    topic = Topics().of(MessageKind.COMMAND, "ada")
    subprocess.run(
        ["mosquitto_pub", "-p", str(broker.port), "-r", "-q", "1", "-t", topic,
         "-m", '{"verb":"health-check"}'],
        check=True, timeout=10,
    )  # fmt: skip
    environ = environment(closed(tmp_path), FLEET_BROKER=broker.url)
    code, found = examined(environ)
    assert (code, found["retained"][0]) == (2, "critical")
    assert found["hub"][::2] == ("warning", "fleet serve")


def test_no_broker_is_a_finding_and_no_traceback(tmp_path: Path) -> None:
    environ = environment(closed(tmp_path), FLEET_BROKER=f"mqtt://127.0.0.1:{free_port()}")
    code, found = examined(environ)
    assert (code, found["broker"][0]) == (2, "critical")
    done = fleet("doctor", environ=environ)
    assert "Try (broker):" in done.stdout


def test_an_open_home_and_what_it_shows_to_others(tmp_path: Path, broker: Mosquitto) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (home / "hub.key").write_text("secret")
    (home / "hub.key").chmod(0o644)
    password = tmp_path / "password"
    password.write_text("word")
    password.chmod(0o644)
    code, found = examined(
        environment(home, FLEET_BROKER=broker.url, FLEET_PASSWORD_FILE=str(password))
    )
    assert code == 2
    assert found["home"][0] == "warning"
    assert found["files"][:2] == ("critical", "others can read hub.key")
    assert found["password"][0] == "critical"


@pytest.mark.timeout(120)
def test_the_broker_that_fleet_init_configures_passes(tmp_path: Path) -> None:
    provisioned = ProvisionedBroker(tmp_path).start()
    try:
        code, found = examined(environment(provisioned.home))
    finally:
        provisioned.stop()
    bad = {check: said for check, said in found.items() if said[0] == "critical"}
    assert bad == {}
    for check in ("home", "password", "certificates", "round trip", "queues", "retained", "door"):
        assert found[check][0] == "ok", found[check]
    assert code == 1, "no hub runs, and there is no route"


def test_the_shipped_limits_are_what_it_asks_for() -> None:
    assert "max_queued_messages 0" in SHIPPED
    assert "set_tcp_nodelay true" in SHIPPED


@postgres.needs_postgres
def test_a_database_is_looked_at_and_a_hub_that_stands_by_is_no_fault(
    tmp_path: Path, broker: Mosquitto
) -> None:
    place = PostgresPlace(tmp_path)
    leads = HubProcess(closed(tmp_path), broker, FLEET_STORE=str(place.url))
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    waits = HubProcess(other, broker, FLEET_STORE=str(place.url))
    environ = environment(
        other, FLEET_BROKER=broker.url, FLEET_HTTP=waits.http, FLEET_STORE=str(place.url)
    )
    assert examined(environ)[1]["store"][1].endswith("no hub leads there")
    try:
        leads.start()
        waits.start(standby=True)
        wait_until((other / "hub.json").exists, what="the standby")
        found = examined(environ)[1]
        refused = fleet("history", environ=environ)
        waits.stop()
    finally:
        waits.kill()
        leads.kill()
    leader = f"{socket.gethostname()}/"
    assert found["store"][0] == "ok"
    assert f"; {leader}" in found["store"][1]
    assert "disk" not in found
    assert found["hub"][0] == "ok"
    assert f" reads beside {leader}" in found["hub"][1]
    assert refused.returncode == 0 or "this hub stands by" in refused.stderr
    assert not (other / "hub.json").exists()
    place.server.crash()
    try:
        level, said, remedy = examined(environ)[1]["store"]
    finally:
        place.server.start()
    assert (level, bool(remedy)) == ("critical", True), said
