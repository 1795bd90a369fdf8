"""A real hub tells real receivers: webhook, Alertmanager, and apprise over its JSON service."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.notifier.senders import signature
from tests.support.broker import Mosquitto, free_port
from tests.support.hub import Publisher
from tests.support.prometheus import ALERTMANAGER, Daemon, Webhook, alertmanager
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until

SECRET = "a long random word"  # noqa: S105 - made up


def alert(state: str, code: str = "disk-pressure") -> bytes:
    return json.dumps(
        {"code": code, "severity": "warning", "state": state,
         "ts": "2026-03-18T21:30:00Z"}
    ).encode()  # fmt: skip


def beat(*, ok: bool) -> bytes:
    process = "pass" if ok else "fail"
    return json.dumps(
        {"ok": ok, "interval": 600, "checks": {"process": process}, "ts": timestamp(time.time())}
    ).encode()


def home_with(home: Path, **routes: dict[str, str]) -> Path:
    home.mkdir(parents=True)
    (home / "hook.secret").write_text(SECRET)
    (home / "hook.secret").chmod(0o600)
    lines = []
    for name, table in routes.items():
        lines += [f"[routes.{name}]", *(f'{key} = "{value}"' for key, value in table.items())]
    (home / "fleet.toml").write_text("\n".join(lines) + "\n")
    return home


def hook(url: str) -> dict[str, str]:
    return {"channel": "webhook", "url": f"{url}/hook?key=topsecret", "secret_file": "hook.secret"}


@pytest.fixture
def larry(broker: Mosquitto) -> Iterator[Publisher]:
    publisher = Publisher(broker, "larry")
    yield publisher
    publisher.close()


def states(webhook: Webhook) -> list[tuple[str, str]]:
    return [(post["code"], post["state"]) for post in webhook.json()]


def metrics(hub: Served) -> str:
    return str(hub.ask("GET", "/metrics", "viewer")[1])


def test_a_webhook_gets_signed_news_and_its_end_although_it_fails_at_first(
    tmp_path: Path, broker: Mosquitto, larry: Publisher
) -> None:
    with Webhook(503, 503, 200) as webhook:
        hub = Served(home_with(tmp_path / "home", oncall=hook(webhook.url)), broker).start()
        try:
            larry.publish("alert", alert("firing"))
            wait_until(lambda: 'route_up{route="oncall"} 0' in metrics(hub), what="the failure")
            wait_until(lambda: 'route_sent_total{route="oncall"} 1' in metrics(hub))
            larry.publish("alert", alert("resolved"))
            wait_until(lambda: 'route_sent_total{route="oncall"} 2' in metrics(hub))
        finally:
            hub.stop()
        assert states(webhook) == [
            *[("disk-pressure", "firing")] * 3,
            ("disk-pressure", "resolved"),
        ]
        path, headers, body = webhook.posts[-1]
        assert path == "/hook?key=topsecret"
        expected = signature(SECRET, headers["X-Fleet-Timestamp"], body)
        assert headers["X-Fleet-Signature"] == f"sha256={expected}"
        [member] = json.loads(body)["members"]
        assert member["agent"] == "larry"
        log = hub.log.read_text()
        assert "route oncall failed: HTTP 503" in log
        assert "works again" in log
        assert "topsecret" not in log
        assert SECRET not in log


def test_what_a_receiver_refuses_is_set_aside_shown_and_tried_again_by_hand(
    tmp_path: Path, broker: Mosquitto, larry: Publisher
) -> None:
    with Webhook(400, 200) as webhook:
        home = home_with(tmp_path / "home", oncall=hook(webhook.url))
        environ = {"PATH": "/usr/bin:/bin", "FLEET_HOME": str(home), "HOME": str(tmp_path)}
        hub = Served(home, broker).start()
        try:
            larry.publish("alert", alert("firing"))
            wait_until(lambda: 'route_refused_total{route="oncall"} 1' in metrics(hub))
            kept = home / "routes/oncall.json"
            wait_until(lambda: json.loads(kept.read_text())["set_aside"], what="it on the disk")
            hub.kill()
            hub.start()
            larry.publish("alert", alert("firing", "rate-limited"))
            wait_until(lambda: 'route_sent_total{route="oncall"} 1' in metrics(hub))
            assert 'route_set_aside_messages{route="oncall"} 1' in metrics(hub)
            shown = fleet("alerts", environ=environ).stderr
            assert "route oncall would not take disk-pressure (firing) of larry at" in shown
            assert "HTTP 400" in shown
            assert "topsecret" not in shown
            assert fleet("alerts", "retry", "absent", environ=environ).returncode == 3
            done = fleet("alerts", "retry", "oncall", environ=environ)
            assert (done.returncode, done.stderr) == (0, "messages tried again: 1\n")
            wait_until(lambda: 'route_sent_total{route="oncall"} 2' in metrics(hub))
        finally:
            hub.stop()
        assert [code for code, _ in states(webhook)] == [
            "disk-pressure", "rate-limited", "disk-pressure",
        ]  # fmt: skip


def test_a_one_liner_that_says_it_is_not_well_wakes_somebody_and_names_the_planes(
    tmp_path: Path, broker: Mosquitto, larry: Publisher
) -> None:
    with Webhook() as webhook:
        home = home_with(tmp_path / "home", oncall=hook(webhook.url))
        with (home / "fleet.toml").open("a") as settings:
            settings.write("[alerts]\ndegraded_after = 1\n")
        hub = Served(home, broker).start()
        try:
            larry.publish("heartbeat", beat(ok=False))
            [told] = wait_until(webhook.json, what="the news")
            assert (told["code"], told["severity"]) == ("agent-degraded", "critical")
            assert told["members"][0]["planes"] == ["process"]
            assert told["text"] == "agent-degraded (critical): larry (process)"
            [shown] = hub.get("/v1/alerts")["alerts"]
            assert (shown["code"], shown["planes"]) == ("agent-degraded", ["process"])
            larry.publish("heartbeat", beat(ok=True))
            wait_until(lambda: len(webhook.posts) == 2, what="its end")
        finally:
            hub.stop()
        assert [state for _, state in states(webhook)] == ["firing", "resolved"]


def test_what_could_not_be_told_before_a_kill_is_told_after_it(
    tmp_path: Path, broker: Mosquitto, larry: Publisher
) -> None:
    with Webhook(500) as broken, Webhook() as whole:
        home = home_with(tmp_path / "home", oncall=hook(broken.url))
        hub = Served(home, broker).start()
        try:
            larry.publish("alert", alert("firing"))
            wait_until(lambda: broken.posts, what="the first attempt")
            hub.kill()
            text = (home / "fleet.toml").read_text().replace(broken.url, whole.url)
            (home / "fleet.toml").write_text(text)
            hub.start()
            wait_until(lambda: whole.posts, what="the news after the restart")
        finally:
            hub.stop()
        assert states(whole) == [("disk-pressure", "firing")]


@pytest.mark.skipif(not ALERTMANAGER, reason="Alertmanager is absent")
def test_alertmanager_shows_it_while_it_fires(
    tmp_path: Path, broker: Mosquitto, larry: Publisher
) -> None:
    port = free_port()
    (tmp_path / "alertmanager.yml").write_text("{route: {receiver: r}, receivers: [{name: r}]}")
    manager = alertmanager(tmp_path, port).start()
    table = {"channel": "alertmanager", "url": manager.url}
    hub = Served(home_with(tmp_path / "home", am=table), broker).start()
    try:
        larry.publish("alert", alert("firing"))
        [shown] = wait_until(lambda: active(manager))
        assert shown["labels"] == {
            "alertname": "disk-pressure", "agent": "larry", "severity": "warning",
            "source": "fleet",
        }  # fmt: skip
        larry.publish("alert", alert("resolved"))
        wait_until(lambda: not active(manager), what="its end")
    finally:
        hub.stop()
        manager.stop()


def active(manager: Daemon) -> list[dict[str, Any]]:
    return list(manager.get("/api/v2/alerts"))


def test_the_command_says_which_route_works_and_shows_no_address(tmp_path: Path) -> None:
    pytest.importorskip("apprise", reason="apprise (extra notify) is absent")
    with Webhook() as webhook:
        chat = {"channel": "apprise", "url": webhook.url.replace("http", "json")}
        nobody = {"channel": "alertmanager", "url": f"http://127.0.0.1:{free_port()}/topsecret"}
        home = home_with(tmp_path / "home", chat=chat, oncall=hook(webhook.url), nobody=nobody)
        environ = {"PATH": "/usr/bin:/bin", "FLEET_HOME": str(home), "HOME": str(tmp_path)}
        done = fleet("alerts", "test", environ=environ)
        assert done.returncode == 1
        assert "chat (apprise): taken" in done.stdout
        assert "oncall (webhook): taken" in done.stdout
        assert "nobody (alertmanager): failed, connection refused" in done.stdout
        assert "topsecret" not in done.stdout + done.stderr
        posts = webhook.json()
        assert [p["title"] for p in posts if "title" in p] == [
            "fleet: route-test (info): hub",
            "fleet: route-test (over): hub",
        ]
        assert fleet("alerts", "test", "oncall", environ=environ).returncode == 0
        missing = fleet("alerts", "test", "absent", environ=environ)
        assert (missing.returncode, "Try:" in missing.stderr) == (3, True)
