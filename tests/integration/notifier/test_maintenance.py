"""Maintenance through the whole hub, down to what a real receiver is posted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.prometheus import Webhook
from tests.support.served import Served, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

NAMES = ("ada", "bob", "cyd", "dee", "eve")
SECRET = "a long random word"  # noqa: S105 - made up


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto, webhook: Webhook) -> Iterator[Served]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "hook.secret").write_text(SECRET)
    (home / "hook.secret").chmod(0o600)
    (home / "fleet.toml").write_text(
        '[routes.oncall]\nchannel = "webhook"\nsecret_file = "hook.secret"\n'
        f'url = "{webhook.url}"\n'
    )
    served = Served(home, broker).start()
    yield served
    served.stop()


@pytest.fixture
def sidecars(tmp_path: Path, broker: Mosquitto) -> Iterator[list[Sidecar]]:
    made = [Sidecar(tmp_path / name, broker.url, name).start() for name in NAMES]
    yield made
    for sidecar in made:
        sidecar.kill()


def states(hub: Served) -> dict[str, str]:
    return {agent["agent"]: agent["state"] for agent in hub.get("/v1/agents")["agents"]}


def wait_for(hub: Served, **wanted: str) -> None:
    def as_wanted() -> bool:
        known = states(hub)
        return all(known.get(name) == state for name, state in wanted.items())

    wait_until(as_wanted, what=f"{wanted}")


def announce(hub: Served, notice: str) -> None:
    assert fleet("broadcast", notice, environ=hub.environ).returncode == 0
    silenced = notice == "maintenance-begin"
    wait_until(lambda: bool(hub.get("/v1/alerts")["silences"]) is silenced, what=notice)


def post_marker(hub: Served, broker: Mosquitto, webhook: Webhook) -> list[dict[str, Any]]:
    """Everything that was posted until a problem that came after all the rest was."""
    marker = Publisher(broker, "marker")
    body = {"code": "disk-pressure", "severity": "warning", "state": "firing"}
    marker.publish("alert", json.dumps({**body, "ts": timestamp(time.time())}))
    try:
        return wait_until(
            lambda: (posts := webhook.json()) and posts[-1]["code"] == "disk-pressure" and posts,
            60,
            "the news after maintenance",
        )
    finally:
        marker.close()


@pytest.mark.timeout(180)
def test_who_died_and_came_back_in_it_is_never_told_and_who_is_still_down_is_told_together(
    hub: Served, sidecars: list[Sidecar], broker: Mosquitto, webhook: Webhook
) -> None:
    wait_for(hub, **dict.fromkeys(NAMES, "ok"))
    announce(hub, "maintenance-begin")
    for sidecar in sidecars:
        sidecar.kill()
    wait_for(hub, **dict.fromkeys(NAMES, "offline"))
    for sidecar in sidecars[3:]:
        sidecar.start()
    wait_for(hub, **dict.fromkeys(NAMES[3:], "ok"))
    announce(hub, "maintenance-end")
    posts = post_marker(hub, broker, webhook)
    told = [
        (post["code"], post["state"], [member["agent"] for member in post["members"]])
        for post in posts
    ]
    assert sorted(told) == [
        ("agent-offline", "firing", ["ada", "bob", "cyd"]),
        ("disk-pressure", "firing", ["marker"]),
    ]
