"""A real Prometheus scrapes a real hub: dashboards have data, and an alert reaches a webhook."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.integrations.alert_rules import RECORDINGS
from fleet.integrations.prometheus import RULES, TOKEN
from fleet.provisioning.registry import Enrolled
from tests.support.broker import free_port
from tests.support.prometheus import (
    ALERTMANAGER,
    PROMETHEUS,
    Daemon,
    Webhook,
    alertmanager,
    prometheus,
)
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until
from tests.support.work_hub import WorkHub

pytestmark = [
    pytest.mark.skipif(not PROMETHEUS, reason="Prometheus is absent"),
    pytest.mark.xdist_group("observe"),
]


def exported(hub: Served, what: str, folder: Path, *options: str) -> Path:
    """What `fleet export` writes for this hub, with its token beside it."""
    done = fleet("export", what, "-d", str(folder), *options, environ=hub.environ)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_export_has_a_token_for_the_metrics_alone_and_keeps_it(
    hub: Served, tmp_path: Path
) -> None:
    """The real Prometheus of the other tests scrapes with it."""
    path = exported(hub, "prometheus", tmp_path) / TOKEN
    token = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert hub.ask("GET", "/metrics", token)[0] == 200
    assert hub.ask("GET", "/metrics", None)[0] == 401
    assert hub.ask("GET", "/v1/agents", token)[0] == 403
    exported(hub, "prometheus", tmp_path)
    assert path.read_text() == token
    held = json.loads(fleet("token", "list", "-o", "json", environ=hub.environ).stdout)
    newest = [entry["id"] for entry in held if entry["role"] == "scraper"][-1]
    assert fleet("token", "revoke", newest, environ=hub.environ).returncode == 0
    assert hub.ask("GET", "/metrics", token)[0] == 401
    exported(hub, "prometheus", tmp_path)
    assert hub.ask("GET", "/metrics", path.read_text())[0] == 200
    folder = exported(hub, "compose", tmp_path / "compose") / "prometheus"
    assert stat.S_IMODE((folder / TOKEN).stat().st_mode) == 0o600
    elsewhere = fleet(
        "export", "prometheus", "-d", str(tmp_path / "far"), "--http", "hub.example.org:8088",
        environ=hub.environ,
    )  # fmt: skip
    assert "fleet token create --role scraper" in elsewhere.stderr
    assert not (tmp_path / "far" / TOKEN).exists()


def edit(path: Path, **changes: Any) -> None:
    document = yaml.safe_load(path.read_text())
    document.update(changes)
    path.write_text(yaml.safe_dump(document))


def ready_to_scrape(folder: Path, manager_port: int) -> None:
    managers = [{"static_configs": [{"targets": [f"127.0.0.1:{manager_port}"]}]}]
    edit(
        folder / "prometheus.yml",
        **{"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}},
        alerting={"alertmanagers": managers},
    )


@pytest.fixture(scope="module")
def scraper(hub: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = exported(hub, "prometheus", tmp_path_factory.mktemp("prometheus"))
    ready_to_scrape(folder, free_port())
    daemon = prometheus(folder).start()
    wait_until(lambda: series(daemon, "fleet_agent_up"), what="the first scrape")
    yield daemon
    daemon.stop()


def series(daemon: Daemon, query: str) -> list[Any]:
    answer = daemon.get("/api/v1/query", query=query)
    assert answer["status"] == "success"
    return list(answer["data"]["result"])


def complete_a_task(hub: Served) -> None:
    """So that there are seconds of a kind of work."""
    work = WorkHub(hub)
    work.enrol(Enrolled("ada"), Enrolled("bob", can=("research",)))
    task = work.submit("operator", work.new_id(), to="bob")
    epoch = work.done("POST", f"/v1/tasks/{task}/claim", "bob")["task"]["epoch"]
    work.done("POST", f"/v1/tasks/{task}/complete", "bob", {"epoch": epoch})


def test_every_query_of_every_dashboard_has_an_answer(
    hub: Served, scraper: Daemon, tmp_path: Path
) -> None:
    complete_a_task(hub)
    folder = exported(hub, "grafana", tmp_path)
    found = sorted(path.name for path in folder.iterdir())
    assert found == ["fleet-agent.json", "fleet-work.json", "fleet.json"]
    empty = []
    for path in folder.iterdir():
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                query = target["expr"].replace("$agent", "ada|bob")
                query = query.replace("$__rate_interval", "1m")
                try:
                    wait_until(lambda q=query: series(scraper, q))
                except AssertionError:
                    empty.append((panel["title"], query))
    assert empty == []


def test_the_recording_rules_record(scraper: Daemon) -> None:
    for rule in RECORDINGS:
        wait_until(lambda name=rule.name: series(scraper, name), what=rule.name)


@pytest.mark.skipif(not ALERTMANAGER, reason="Alertmanager is absent")
def test_an_alert_goes_from_the_hub_to_a_webhook_and_so_does_its_end(
    hub: Served, tmp_path: Path
) -> None:
    with Webhook() as webhook:
        exported(hub, "alertmanager", tmp_path, "--webhook", webhook.url)
        exported(hub, "prometheus", tmp_path)
        document = yaml.safe_load((tmp_path / "alertmanager.yml").read_text())
        document["route"] |= {"group_wait": "1s", "group_interval": "1s"}
        edit(tmp_path / "alertmanager.yml", route=document["route"])
        port = free_port()
        ready_to_scrape(tmp_path, port)
        manager = alertmanager(tmp_path, port).start()
        daemon = prometheus(tmp_path).start()
        try:
            told = wait_until(lambda: disk_pressure(webhook, "firing"))
            assert told["labels"]["agent"] == "bob"
            assert told["labels"]["severity"] == "warning"
            assert told["annotations"]["try"] == "fleet status bob"
            assert (tmp_path / RULES).exists()
            resolve(hub)
            wait_until(lambda: disk_pressure(webhook, "resolved"))
        finally:
            daemon.stop()
            manager.stop()


def disk_pressure(webhook: Webhook, status: str) -> Any:
    for post in webhook.json():
        for alert in post["alerts"]:
            if alert["status"] == status and alert["labels"].get("code") == "disk-pressure":
                return alert
    return None


def resolve(hub: Served) -> None:
    token = fleet("token", "create", "--role", "agent:bob", environ=hub.environ)
    body = {"code": "disk-pressure", "severity": "warning", "state": "resolved"}
    body["ts"] = "2026-03-18T21:31:00Z"
    status, *_ = hub.ask("POST", "/v1/publish/alert", token.stdout.split()[-1], body)
    assert status < 300
