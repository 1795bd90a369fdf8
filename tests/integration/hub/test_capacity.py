"""Weeks of use, then a hub: what runs out is told at a route and at every other door."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind
from fleet.provisioning.registry import Enrolled, Registry
from fleet.store.port import Store
from fleet.store.records import Batch, StoredMessage
from fleet.store.sqlite import SqliteStore
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.postgres import needs_postgres
from tests.support.prometheus import Webhook
from tests.support.served import Served, fleet
from tests.support.stores import PostgresPlace
from tests.support.waiting import wait_until

HOUR, DAYS, SIZE = 3600, 17, 2e11
TABLES = """
[quotas.daily]
limit = 1000000000
window = "day"

[quotas.each-five-hours]
metric = "tokens_output"
limit = 20000
window = "5h"
each = true

[quotas.team]
metric = "cost"
limit = 1
window = "31d"
group = "assistants"

[prices.old]
from = "2020-01-01"
input = 2
output = 10
currency = "EUR"

[routes.oncall]
channel = "webhook"
url = "URL"
secret_file = "hook.secret"
"""
"""Of ada's 10,000 an hour five hours are more than the limit, the fleet's daily one is far."""


def metrics(agent: str, hour: int) -> dict[str, float]:
    """ada's disk loses 5 % of all a day and her model talks; bob's disk is level, and he rests."""
    if agent == "bob":
        return {"disk_available_bytes": SIZE / 2, "disk_size_bytes": SIZE}
    left = round(SIZE * (1 - 0.05 * hour / 24))
    return {
        "disk_available_bytes": left,
        "disk_size_bytes": SIZE,
        "tokens_input_total": 50_000 * hour,
        "tokens_output_total": 10_000 * hour,
    }


def beat(agent: str, hour: int, at: float) -> bytes:
    said = {"ok": True, "interval": 3600, "ts": timestamp(at), "metrics": metrics(agent, hour)}
    return json.dumps(said).encode()


def beats() -> Iterator[StoredMessage]:
    first = time.time() // HOUR * HOUR - DAYS * 24 * HOUR + 60
    for hour in range(DAYS * 24):
        for place, agent in enumerate(("ada", "bob")):
            at = first + hour * HOUR
            yield StoredMessage(
                2 * hour + place + 1, at, agent, MessageKind.HEARTBEAT, False, beat(agent, hour, at)
            )


async def fill(store: Store) -> None:
    store.open()
    await store.commit(Batch(list(beats())))
    await store.close()


def home_of(home: Path, webhook: Webhook) -> Path:
    home.mkdir(parents=True)
    (home / "fleet.toml").write_text(TABLES.replace("URL", webhook.url))
    (home / "hook.secret").write_text("a long random word")
    (home / "hook.secret").chmod(0o600)
    for name, groups in (("ada", ("assistants",)), ("bob", ())):
        Registry(home).save(Enrolled(name, groups=groups))
    return home


def judge_every_door(hub: Served, broker: Mosquitto, webhook: Webhook) -> None:
    """The hub was never started; the agents are alive."""
    for name in ("ada", "bob"):
        agent = Publisher(broker, name)
        now = beat(name, DAYS * 24 - 1, time.time())
        agent.publish("heartbeat", now, retain=True).wait_for_publish(30)
        agent.close()
    hub.start()

    def told() -> set[tuple[str, str, str]]:
        return {
            (member["agent"], post["code"], member["severity"])
            for post in webhook.json()
            if post["state"] == "firing"
            for member in post["members"]
        }

    wanted = {
        ("ada", "capacity-low", "warning"),
        ("ada", "quota-near", "critical"),
        ("", "quota-near", "critical"),
    }
    wait_until(lambda: wanted <= told(), what="the alerts")
    assert {one for one in told() if one[0] == "bob"} == set()

    answer = hub.get("/v1/forecast?agent=ada", "viewer")
    assert answer["whole"]
    assert answer["computed_at"]
    of_ada = {(one["metric"], one["window"], one["quota"]): one for one in answer["forecasts"]}
    disk = of_ada["disk_available_bytes", None, None]
    assert disk["per_day"] == pytest.approx(-0.05 * SIZE, rel=0.01)
    assert (disk["severity"], disk["confidence"]) == ("warning", "high")
    assert of_ada["tokens", "day", None]["per_day"] == pytest.approx(24 * 60_000, rel=0.01)
    assert of_ada["cost", "day", None]["unit"] == "EUR"
    assert of_ada["cost", "day", None]["per_day"] == pytest.approx(24 * 0.2, rel=0.01)
    assert of_ada["tokens_output", "5h", "each-five-hours"]["severity"] == "critical"
    first = hub.get("/v1/forecast?group=assistants&limit=1", "viewer")
    assert first["next"] == 1
    assert hub.ask("GET", "/v1/forecast", None)[0] == 401

    page = str(hub.ask("GET", "/metrics", "viewer")[1])
    for line in (
        'fleet_problem{agent="ada",code="capacity-low",flapping="",held="",severity="warning"} 1',
        'fleet_problem{agent="hub",code="quota-near",flapping="",held="",severity="critical"} 1',
        'fleet_forecast_exhaustion_seconds{agent="ada",confidence="high",',
        'fleet_forecast_quota_used_ratio{agent="ada",group="",quota="each-five-hours"} ',
        'fleet_forecast_quota_used_ratio{agent="",group="assistants",quota="team"} ',
        'fleet_forecast_used_at_end{group="assistants",metric="cost",unit="EUR",window="day"}',
    ):
        assert line in page

    assert fleet("check", environ=hub.environ).returncode == 2
    status = fleet("status", environ=hub.environ).stdout
    assert "capacity-low" in status
    assert "quota-near" in status


def rows(hub: Served, *words: str) -> list[dict[str, Any]]:
    done = fleet("forecast", *words, "-o", "jsonl", environ=hub.environ)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(240)
async def test_what_runs_out_is_told_at_every_door(tmp_path: Path, broker: Mosquitto) -> None:
    with Webhook(*[200] * 20) as webhook:
        hub = Served(home_of(tmp_path / "home", webhook), broker)
        await fill(SqliteStore(hub.home))
        try:
            judge_every_door(hub, broker, webhook)
            served = fleet("forecast", "ada", environ=hub.environ)
            unknown = fleet("forecast", "adda", environ=hub.environ)
        finally:
            hub.stop()
    heading, *lines = served.stdout.splitlines()
    assert heading.split() == ["OF", "WHAT", "NOW", "A", "DAY", "OUTLOOK", "CONFIDENCE"]
    assert any("full in 3d" in line for line in lines)
    assert any("% used, all of it" in line for line in lines)

    # Nobody of that name, with the hub and without it.
    for done in (unknown, fleet("forecast", "adda", environ=hub.environ)):
        assert done.returncode == 3, done.stderr
        assert "nobody has heard of adda" in done.stderr
        assert "ada?" in done.stderr

    # The same without the hub, from the store that it left.
    ada, bob = rows(hub, "ada"), rows(hub, "bob")
    assert {one["quota"] for one in ada} == {None, "each-five-hours"}
    assert [(one["per_day"], one["exhausts_at"], one["severity"]) for one in bob] == [
        (0, None, None)
    ]
    team = rows(hub, "--group", "assistants")
    assert {(one["agent"], one["group"]) for one in team} == {
        ("ada", None),
        (None, "assistants"),
    }
    [limit] = [one for one in team if one["quota"] == "team"]
    assert limit["now"] == pytest.approx(DAYS * 24 * 0.2, rel=0.02)
    assert [one["quota"] for one in rows(hub) if one["agent"] is None and one["quota"]] == [
        "team",
        "daily",
    ]
    wrong = fleet("forecast", "No Name", environ=hub.environ)
    assert wrong.returncode == 3
    assert "Try: fleet status" in wrong.stderr


@needs_postgres
@pytest.mark.timeout(240)
async def test_of_a_store_in_postgresql_too(tmp_path: Path, broker: Mosquitto) -> None:
    place = PostgresPlace(tmp_path)
    await fill(place.store())
    with Webhook(*[200] * 20) as webhook:
        hub = Served(home_of(tmp_path / "home", webhook), broker, FLEET_STORE=str(place.url))
        try:
            judge_every_door(hub, broker, webhook)
        finally:
            hub.stop()
