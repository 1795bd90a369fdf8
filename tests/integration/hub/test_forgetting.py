"""Who was forgotten is gone, on a broker that knows no accounts: no series, no alert that nobody
can end, nothing that a restart brings back; and whoever was told of it is told that it is over.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.metrics.agent_families import KEPT_WHILE_DOWN
from fleet.pending_departures import FILE
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.prometheus import Webhook
from tests.support.served import Served, fleet
from tests.support.told import is_noted, route_to, told
from tests.support.waiting import wait_until

STALE = ("agent-stale", "firing", "stray")
OVER = ("agent-stale", "resolved", "stray")


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto, webhook: Webhook) -> Iterator[Served]:
    home = tmp_path / "home"
    route_to(webhook, home)
    served = Served(home, broker).start()
    yield served
    served.stop()


@pytest.fixture
def stray(broker: Mosquitto) -> Iterator[Publisher]:
    publisher = Publisher(broker, "stray")
    yield publisher
    publisher.close()


def beat(publisher: Publisher, **fields: Any) -> None:
    document = {"ok": True, "ts": timestamp(time.time()), "interval": 1, **fields}
    publisher.publish("heartbeat", json.dumps(document), retain=True).wait_for_publish(20)


def names(hub: Served) -> list[str]:
    return [agent["agent"] for agent in hub.get("/v1/agents")["agents"]]


def stored(hub: Served, agent: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.get(f"/v1/history?agent={agent}")["messages"]
    return found


def went_silent(hub: Served, stray: Publisher, webhook: Webhook) -> None:
    beat(stray, metrics={"load": 1})
    wait_until(lambda: STALE in told(webhook), what="the news that it is silent")
    wait_until(lambda: is_noted(hub.home, "stray", "agent-stale"), what="the note of it")


def forget(hub: Served, *arguments: str) -> dict[str, Any]:
    done = fleet("agent", "forget", *arguments, "--yes", "-o", "json", environ=hub.environ)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any]
    [report] = json.loads(done.stdout)
    assert (report["agent"], report["done"]) == ("stray", True), report
    return report


@pytest.mark.timeout(180)
def test_a_name_that_spoke_once_is_forgotten_for_good(
    hub: Served, stray: Publisher, webhook: Webhook, broker: Mosquitto
) -> None:
    went_silent(hub, stray, webhook)
    assert hub.ask("POST", "/v1/silences", body={"agent": "stray", "seconds": 600})[0] == 201
    asked = fleet("agent", "forget", "stray", environ=hub.environ)
    assert (asked.returncode, names(hub)) == (3, ["stray"])
    forget(hub, "stray")
    assert names(hub) == []
    assert hub.get("/v1/stats")["facts"]["forgotten"] == 1
    assert "stray" not in hub.get("/metrics", "viewer")
    assert hub.get("/v1/silences")["silences"] == []
    wait_until(lambda: OVER in told(webhook), what="the news that it is over")
    hub.kill()
    hub.start()
    assert names(hub) == []
    # Told a moment before the kill, its end may be stored untold: it goes with the next look.
    wait_until(lambda: not hub.get("/v1/alerts?history=true")["alerts"], what="its end")
    assert len(stored(hub, "stray")) == 1, "its history is kept"
    late = Publisher(broker, "late")
    late.listen("fleet/#")
    assert late.inbox == [], "something is retained"
    late.close()
    forget(hub, "stray", "--history")
    assert stored(hub, "stray") == []


@pytest.mark.timeout(180)
def test_who_is_forgotten_while_no_hub_serves_is_forgotten_by_the_next_one(
    hub: Served, stray: Publisher, webhook: Webhook
) -> None:
    went_silent(hub, stray, webhook)
    hub.kill()
    beat(stray)  # waits at the broker for the hub
    report = forget(hub, "stray")
    assert [step["what"] for step in report["steps"]] == [
        "retained messages",
        "state, series, silences",
    ]
    assert (hub.home / FILE).exists()
    hub.start()
    wait_until(lambda: not (hub.home / FILE).exists(), what="the departure")
    assert names(hub) == []
    wait_until(lambda: OVER in told(webhook), what="the news that it is over")
    hub.kill()
    hub.start()
    assert names(hub) == []


def test_who_lives_on_is_back_and_it_is_said(hub: Served, stray: Publisher) -> None:
    beat(stray, interval=60, boot=7, seq=0, metrics={"load": 1})
    wait_until(lambda: names(hub) == ["stray"], what="its heartbeat")
    done = fleet("agent", "forget", "stray", "--yes", environ=hub.environ)
    assert done.returncode == 0, done.stderr
    assert "its next message brings it back" in done.stderr
    assert names(hub) == []
    beat(stray, interval=60, boot=7, seq=1)
    wait_until(lambda: names(hub) == ["stray"], what="its next heartbeat")
    found = hub.get("/v1/agents/stray")
    assert (found["seq"], found["metrics"], found["missing"]) == (1, {}, 0)


@pytest.mark.timeout(180)
def test_a_renamed_agent_keeps_its_history_and_its_old_name_is_over(
    hub: Served, stray: Publisher, webhook: Webhook, broker: Mosquitto
) -> None:
    went_silent(hub, stray, webhook)
    assert hub.ask("POST", "/v1/silences", body={"agent": "stray", "seconds": 600})[0] == 201
    other = Publisher(broker, "better")
    beat(other, interval=60)
    wait_until(lambda: len(names(hub)) == 2, what="its new name")
    done = fleet("agent", "rename", "stray", "better", "--wait", "20", environ=hub.environ)
    assert done.returncode == 0, done.stderr
    assert "FLEET_AGENT=better" in done.stderr
    assert names(hub) == ["better"]
    assert hub.get("/v1/agents/better")["state"] == "ok"
    assert len(stored(hub, "better")) == 2
    assert stored(hub, "stray") == []
    assert [one["agent"] for one in hub.get("/v1/silences")["silences"]] == ["better"]
    wait_until(lambda: OVER in told(webhook), what="the news that it is over")
    hub.kill()
    hub.start()
    assert names(hub) == ["better"]
    other.close()


def test_who_was_never_heard_by_its_new_name_is_as_it_was(hub: Served, stray: Publisher) -> None:
    beat(stray, interval=60, metrics={"load": 3})
    wait_until(lambda: names(hub) == ["stray"], what="its heartbeat")
    done = fleet("agent", "rename", "stray", "better", environ=hub.environ)
    assert done.returncode == 0, done.stderr
    found = hub.get("/v1/agents/better")
    assert (found["state"], found["metrics"]) == ("ok", {"load": 3})
    for wrong in (["stray", "stray"], ["better", "Not A Name"], ["better", "hub"]):
        done = fleet("agent", "rename", *wrong, environ=hub.environ)
        assert (done.returncode, "Traceback" in done.stderr) == (3, False)


def test_who_goes_offline_has_a_state_and_no_measurement(hub: Served, stray: Publisher) -> None:
    def series() -> set[str]:
        lines = hub.get("/metrics", "viewer").splitlines()
        return {line.partition("{")[0] for line in lines if 'agent="stray"' in line}

    beat(stray, interval=60, metrics={"load": 1, "jobs_total": 7})
    wait_until(lambda: "fleet_agent_metric_jobs_total" in series(), what="its metrics")
    gone = json.dumps({"state": "offline", "ts": timestamp(time.time())})
    stray.publish("status", gone, retain=True).wait_for_publish(20)
    wait_until(lambda: hub.get("/v1/agents/stray")["state"] == "offline", what="its goodbye")
    wait_until(lambda: "fleet_agent_metric_jobs_total" not in series(), what="the end of them")
    assert series() == {family.name for family in KEPT_WHILE_DOWN} | {
        "fleet_alert_firing",
        "fleet_problem",
    }
    assert 'fleet_agent_up{agent="stray"} 0\n' in hub.get("/metrics", "viewer")
    forget(hub, "stray")
    assert series() == set()


def test_who_lives_and_has_what_somebody_looks_at_is_not_forgotten_unsaid(
    hub: Served, stray: Publisher
) -> None:
    beat(stray, interval=60, boot=7, seq=0)
    alert = {"code": "disk-pressure", "severity": "critical", "state": "firing"}
    stray.publish("alert", json.dumps(alert | {"ts": timestamp(time.time())}))
    body = {"agent": "stray", "code": "disk-pressure"}
    wait_until(lambda: hub.ask("POST", "/v1/alerts/ack", body=body)[0] == 200, what="the alert")
    refused = fleet("agent", "forget", "stray", "--yes", environ=hub.environ)
    assert refused.returncode == 3
    assert "somebody looks at its disk-pressure" in refused.stderr
    assert "fleet agent forget stray --force" in refused.stderr
    (found,) = hub.get("/v1/alerts?code=disk-pressure")["alerts"]
    assert found["acknowledged_by"], "it is as it was"
    forget(hub, "stray", "--force")
    assert names(hub) == []
