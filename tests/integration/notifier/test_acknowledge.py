"""The link of a notification through a real hub: a look changes nothing, an answer acknowledges."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.prometheus import Webhook
from tests.support.served import Served
from tests.support.waiting import wait_until


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto, webhook: Webhook) -> Iterator[Served]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "hook.secret").write_text("a long random word")
    (home / "hook.secret").chmod(0o600)
    (home / "fleet.toml").write_text(
        f'[routes.oncall]\nchannel = "webhook"\nurl = "{webhook.url}"\n'
        'secret_file = "hook.secret"\n[alerts]\npage = "https://fleet.example.org"\n'
    )
    served = Served(home, broker).start()
    yield served
    served.stop()


def ask(url: str, method: str, **headers: str) -> tuple[int, str]:
    answer = httpx.request(method, url, headers=headers, timeout=10)
    return answer.status_code, answer.text


def acknowledged(hub: Served) -> list[Any]:
    return [alert["acknowledged_by"] for alert in hub.get("/v1/alerts")["alerts"]]


def test_who_was_told_acknowledges_by_the_link(
    hub: Served, broker: Mosquitto, webhook: Webhook
) -> None:
    ada = Publisher(broker, "ada")
    body = {"code": "disk-pressure", "severity": "critical", "state": "firing"}
    ada.publish("alert", json.dumps({**body, "ts": timestamp(time.time())}))
    [post] = wait_until(webhook.json, what="the notification")
    link = hub.url + urlsplit(post["acknowledge"]).path
    code, text = ask(link, "GET")
    assert (code, "disk-pressure" in text, "<form" in text) == (200, True, True)
    assert ask(link, "HEAD")[0] == 405
    assert ask(link, "POST", Origin="https://evil.example.org")[0] == 403
    assert ask(f"{link}0", "POST")[0] == 404
    assert acknowledged(hub) == [None]
    assert ask(link, "POST", Origin=hub.url)[0] == 200
    assert acknowledged(hub) == ["link"]
    code, text = ask(link, "GET")
    assert (code, "<form" in text) == (200, False)
    ada.publish("alert", json.dumps({**body, "state": "resolved", "ts": timestamp(time.time())}))
    wait_until(lambda: acknowledged(hub) == [], what="the end")
    assert "is over" in ask(link, "POST")[1]
    ada.close()
