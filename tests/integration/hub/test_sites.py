"""Three sites, each with a broker and a hub of its own, on one database: one view over all at any
of them, and one alert where one of them is lost."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.store.identity import FILE
from tests.support import postgres
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until

pytestmark = [postgres.needs_postgres, pytest.mark.timeout(600)]

LONG = 120.0
"""A site is lost after 30 s; a machine that runs tests is busy."""

NAMES = ("berlin", "lima", "paris")

EVERYBODY = [
    ("ada", "berlin", "ok"), ("bob", "lima", "ok"), ("cleo", "paris", "ok"),
    ("dan", "berlin", "ok"), ("eve", "lima", "ok"), ("fay", "paris", "ok"),
]  # fmt: skip

PRESENCE = {"agent-late", "agent-stale", "agent-offline"}


class Site:
    """A broker, a hub at it, and two agents."""

    def __init__(self, name: str, folder: Path, store: str) -> None:
        self.name = name
        self.broker = Mosquitto(folder / name / "broker")
        self.hub = Served(
            folder / name / "home", self.broker, FLEET_STORE=store, FLEET_SITE=name,
            FLEET_INTERVAL="300",
        )  # fmt: skip

    def start(self, first: Site | None) -> None:
        self.broker.start()
        if first is not None:
            self.take_from(first)
        self.hub.start()

    def take_from(self, first: Site) -> None:
        """What a further hub of a fleet needs of one that has served."""
        self.hub.home.mkdir(parents=True)
        for name in (FILE, "tokens.json"):
            shutil.copy2(first.hub.home / name, self.hub.home)
        self.hub.tokens = first.hub.tokens

    def speak(self, *agents: str) -> None:
        for agent in agents:
            publisher = Publisher(self.broker, agent)
            said = {"ok": True, "ts": timestamp(time.time()), "boot": 1, "seq": 1}
            publisher.publish_all("heartbeat", [json.dumps(said).encode()])
            publisher.close()

    def agents(self, query: str = "") -> list[tuple[str, str, str]]:
        """Name, site and state as a table shows them, in the order of the answer."""
        found = self.hub.get(f"/v1/agents{query}")["agents"]
        return [
            (one["agent"], one["site"], one["state"] + (" (lost)" if one["site_lost"] else ""))
            for one in found
        ]

    def sites(self) -> dict[str, Any]:
        return {one["site"]: one for one in self.hub.get("/v1/sites")["sites"]}

    def lost(self) -> set[str]:
        return {name for name, one in self.sites().items() if one["lost"]}

    def firing(self) -> list[tuple[str | None, str]]:
        """What fires in the book of this hub alone."""
        every = self.hub.get("/v1/alerts")["alerts"]
        return [(one["agent"], one["code"]) for one in every if "site" not in one]

    def end(self) -> None:
        self.hub.stop()
        if self.broker.runs:
            self.broker.stop()


class World:
    def __init__(self, folder: Path) -> None:
        server, name = postgres.shared_server(), postgres.new_name()
        server.run("CREATE DATABASE {}", name)
        self.sites = {site: Site(site, folder, server.address(name)) for site in NAMES}

    def start(self) -> None:
        first = None
        for site in self.sites.values():
            site.start(first)
            first = first or site

    def tells_of(self, lost: str) -> list[str]:
        """The sites in whose books it fires that one of them is lost."""
        served = [site for site in self.sites.values() if site.hub.serves]
        return [site.name for site in served if (f"site:{lost}", "site-lost") in site.firing()]

    def codes(self) -> set[str]:
        """What fires anywhere."""
        return {code for site in self.sites.values() for _, code in site.firing()}

    def close(self) -> None:
        for site in self.sites.values():
            site.end()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    try:
        world.start()
        yield world
    finally:
        world.close()


def test_one_view_over_all_sites_and_one_alert_for_one_that_is_lost(world: World) -> None:
    berlin, lima, paris = world.sites.values()
    berlin.speak("ada", "dan")
    lima.speak("bob", "eve")
    paris.speak("cleo", "fay")
    for site in world.sites.values():
        wait_until(lambda s=site: s.agents() == EVERYBODY, LONG, f"all at {site.name}")  # type: ignore[misc]
    any_hub_shows_every_site(world)
    what_is_asked_of_any_is_done_by_the_site_whose_agent_it_is(world)
    a_hub_that_reads_at_a_site_shows_every_site(world)
    a_name_is_one_agents(world)
    a_site_without_a_broker_is_lost(world)
    a_site_without_a_hub_is_lost(world)


def any_hub_shows_every_site(world: World) -> None:
    lima = world.sites["lima"]
    page = lima.hub.get("/v1/agents?limit=4")
    assert [one["agent"] for one in page["agents"]] == ["ada", "bob", "cleo", "dan"]
    assert (page["total"], page["counts"]["ok"]) == (6, 6)
    rest = lima.hub.get(f"/v1/agents?limit=4&cursor={page['next']}")
    assert [one["agent"] for one in rest["agents"]] == ["eve", "fay"]
    assert rest["next"] is None
    assert lima.agents("?site=paris") == EVERYBODY[2::3]
    assert lima.hub.get("/v1/agents/ada")["site"] == "berlin"
    assert len(lima.hub.get("/v1/history?agent=ada")["messages"]) == 1
    shown = fleet("status", "--site", "paris", environ=lima.hub.environ)
    assert shown.stdout.count("paris") == 2, shown.stdout + shown.stderr
    listed = fleet("site", "list", environ=lima.hub.environ).stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == list(NAMES)
    scraped = lima.hub.ask("GET", "/metrics", "scraper")[1]
    assert 'fleet_site_up{site="paris"} 1' in scraped


def what_is_asked_of_any_is_done_by_the_site_whose_agent_it_is(world: World) -> None:
    berlin, lima, paris = world.sites.values()
    silence = {"seconds": 600, "agent": "ada"}
    status, made, _ = lima.hub.ask("POST", "/v1/silences", body=silence)
    assert status == 201, made
    held = [one["id"] for one in berlin.hub.get("/v1/silences")["silences"]]
    assert held == [made["id"]]
    assert lima.hub.get("/v1/silences")["silences"] == []
    status, told, _ = lima.hub.ask("POST", "/v1/silences", "viewer", silence)
    assert status == 403, told
    both = {"to": ["ada", "bob"], "verb": "status-report"}
    status, told, _ = lima.hub.ask("POST", "/v1/send", body=both)
    assert (status, "of several sites: berlin, lima" in told["detail"]) == (422, True), told
    assert lima.hub.ask("POST", "/v1/send", None, both)[0] == 401
    assert lima.hub.ask("POST", "/v1/send?site=oslo", body=both)[0] == 404
    status, told, _ = lima.hub.ask("POST", "/v1/send", body=both | {"to": "cleo"})
    assert status == 202, told
    waiting = paris.hub.get("/v1/inbox?agent=cleo&unread=true")["messages"]
    assert [one["id"] for one in waiting] == told["ids"]


def a_hub_that_reads_at_a_site_shows_every_site(world: World) -> None:
    berlin, lima, _ = world.sites.values()
    beside = Site("lima", lima.hub.home.parent / "beside", lima.hub.environ["FLEET_STORE"])
    beside.hub.environ["FLEET_BROKER"] = lima.broker.url
    try:
        beside.take_from(berlin)
        beside.hub.start()
        wait_until(lambda: beside.agents() == EVERYBODY, LONG, "all at the hub that reads")
        assert beside.hub.get("/v1/agents")["role"] == "reader"
        status, made, _ = beside.hub.ask(
            "POST", "/v1/silences", body={"seconds": 600, "agent": "dan"}
        )
        assert status == 201, made
        held = {one["id"] for one in berlin.hub.get("/v1/silences")["silences"]}
        assert made["id"] in held
    finally:
        beside.hub.stop()


def a_name_is_one_agents(world: World) -> None:
    paris = world.sites["paris"]
    refused = fleet(
        "agent", "add", "ada", environ=paris.hub.environ | {"FLEET_BROKER_KIND": "other"}
    )
    assert refused.returncode != 0
    assert "ada is an agent of the site berlin" in refused.stderr
    assert "Try: fleet agent add ada-paris" in refused.stderr


def a_site_without_a_broker_is_lost(world: World) -> None:
    """Its own hub says that it has none, and one other hub that the site is lost."""
    berlin, lima, paris = world.sites.values()
    gone = [("cleo", "paris", "unknown (lost)"), ("fay", "paris", "unknown (lost)")]
    paris.broker.kill()
    for site in (berlin, lima):
        wait_until(lambda s=site: "paris" in s.lost(), LONG, f"paris lost to {site.name}")  # type: ignore[misc]
        assert site.sites()["paris"]["why"] == "its hub has no broker"
        assert site.agents("?site=paris") == gone
    wait_until(lambda: world.tells_of("paris"), LONG, "the alert")
    shown = fleet("status", environ=lima.hub.environ)
    assert "unknown (site lost)" in shown.stdout
    assert "site paris is lost" in shown.stderr
    assert len(world.tells_of("paris")) == 1
    assert not [code for code in world.codes() if code in PRESENCE], "nobody is told of each agent"
    paris.broker.start()
    wait_until(lambda: "paris" not in berlin.lost() | lima.lost(), LONG, "the return of paris")
    wait_until(lambda: not world.tells_of("paris"), LONG, "the end of the alert")


def a_site_without_a_hub_is_lost(world: World) -> None:
    berlin, lima, paris = world.sites.values()
    berlin.hub.kill()
    for site in (lima, paris):
        wait_until(lambda s=site: "berlin" in s.lost(), LONG, f"berlin lost to {site.name}")  # type: ignore[misc]
        assert site.sites()["berlin"]["why"] == "no hub of it leads"
    wait_until(lambda: world.tells_of("berlin"), LONG, "the alert")
    assert len(world.tells_of("berlin")) == 1
    berlin.hub.start()
    wait_until(lambda: "berlin" not in lima.lost() | paris.lost(), LONG, "the return of berlin")
    wait_until(lambda: not world.tells_of("berlin"), LONG, "the end of the alert")
