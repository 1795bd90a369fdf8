"""Maintenance windows through the whole hub: who is held back, who ends them, what they hide."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.provisioning.registry import Enrolled, Registry
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.prometheus import Webhook
from tests.support.served import Served, fleet
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
    begins = datetime.fromtimestamp(time.time() - 60, UTC)
    (home / "fleet.toml").write_text(
        f'[routes.oncall]\nchannel = "webhook"\nurl = "{webhook.url}"\n'
        'secret_file = "hook.secret"\n'
        f'[maintenance.nightly]\ncron = "{begins.minute} {begins.hour} * * *"\nfor = "3h"\n'
        'group = "web"\n'
    )
    registry = Registry(home)
    registry.save(Enrolled("ada", groups=("edge", "web")))
    registry.save(Enrolled("bob", labels={"site": "berlin"}))
    registry.save(Enrolled("cyd"))
    served = Served(home, broker).start()
    yield served
    served.stop()


def call(hub: Served, *arguments: str) -> str:
    done = fleet("maintenance", *arguments, environ=hub.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def on(hub: Served) -> dict[str, list[str]]:
    """What each maintenance hides, by its id."""
    return {
        one["id"]: sorted(alert["agent"] for alert in one["hides"])
        for one in json.loads(call(hub, "list", "-o", "json"))["maintenance"]
    }


def told(webhook: Webhook) -> set[tuple[str, str]]:
    return {(post["code"], m["agent"]) for post in webhook.json() for m in post["members"]}


def publish(broker: Mosquitto, name: str, code: str) -> None:
    one = Publisher(broker, name)
    body: dict[str, Any] = {"code": code, "severity": "critical", "state": "firing"}
    one.publish("alert", json.dumps({**body, "ts": timestamp(time.time())}))
    one.close()


@pytest.mark.timeout(120)
def test_windows_open_by_the_settings_and_end_by_hand_for_good(
    hub: Served, broker: Mosquitto, webhook: Webhook
) -> None:
    site = call(hub, "begin", "--site", "berlin", "--for", "1h").strip()
    later = call(hub, "begin", "--agent", "cyd", "--at", "2036-12-01T22:00+01:00").strip()
    for name in ("ada", "bob", "cyd"):
        publish(broker, name, "disk-pressure")
    wait_until(lambda: ("disk-pressure", "cyd") in told(webhook), what="what nothing holds")
    [window] = (id_ for id_ in on(hub) if id_ != site)
    assert on(hub) == {window: ["ada"], site: ["bob"]}
    assert told(webhook) == {("disk-pressure", "cyd")}
    answer = json.loads(call(hub, "list", "-o", "json"))
    assert [one["id"] for one in answer["planned"]] == [later]
    assert [(one["name"], one["scope"]) for one in answer["windows"]] == [("nightly", "group:web")]
    call(hub, "end", window)
    call(hub, "end", later)
    hub.kill()
    hub.start()
    assert on(hub) == {site: ["bob"]}
    assert json.loads(call(hub, "list", "-o", "json"))["planned"] == []
    wait_until(lambda: ("disk-pressure", "ada") in told(webhook), 60, what="what it held back")
    assert ("disk-pressure", "bob") not in told(webhook)


def test_a_mistake_says_what_to_do(hub: Served) -> None:
    for arguments, words in (
        (("begin", "--all", "--for", "45s"), "45 s is too short: the least is 60 s"),
        (("begin", "--agent", "ada", "--group", "web"), "one of --agent, --group and --site"),
        (("begin", "--group", "nobody"), "nobody is enrolled in group nobody"),
        (("begin", "--group", ""), "--group is empty"),
        (("begin", "--for", "1h"), "Try: fleet maintenance begin --all"),
        (("begin", "--all", "--at", "2020-01-01T00:00Z"), "00:00.000Z is over: it is 2"),
        (("end", "maintenance-none"), "no maintenance maintenance-none is on or planned"),
    ):
        done = fleet("maintenance", *arguments, environ=hub.environ)
        assert done.returncode == 3, done.stderr
        assert words in done.stderr
    done = fleet("maintenance", "begin", "--agent", "adda", environ=hub.environ)
    assert (done.returncode, "the hub knows no agent adda yet" in done.stderr) == (0, True)
    for name in ("ada", "cyd"):
        done = fleet("alerts", "silence", "--agent", name, environ=hub.environ)
        assert (done.returncode, done.stderr) == (0, "")
