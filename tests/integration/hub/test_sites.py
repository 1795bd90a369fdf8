"""Three sites, each with a broker and a hub of its own, on one database: one view over all at any
of them, and one alert where one of them is lost."""

from __future__ import annotations

import json
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
        self.hub.home.mkdir(parents=True)
        if first is not None:
            (self.hub.home / FILE).write_bytes((first.hub.home / FILE).read_bytes())
            (self.hub.home / FILE).chmod(0o600)
        self.hub.start()

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

    def told(self, code: str) -> list[tuple[str, str]]:
        """By whom of whom an alert fires."""
        return [
            (site.name, agent or "hub")
            for site in self.sites.values()
            for agent, what in site.firing()
            if what == code
        ]

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
    for site, agents in (
        (berlin, ("ada", "dan")),
        (lima, ("bob", "eve")),
        (paris, ("cleo", "fay")),
    ):
        site.speak(*agents)
    everybody = [
        ("ada", "berlin", "ok"), ("bob", "lima", "ok"), ("cleo", "paris", "ok"),
        ("dan", "berlin", "ok"), ("eve", "lima", "ok"), ("fay", "paris", "ok"),
    ]  # fmt: skip
    for site in world.sites.values():
        wait_until(lambda s=site: s.agents() == everybody, LONG, f"all at {site.name}")  # type: ignore[misc]
        assert site.lost() == set()

    # A page at a time, in one order; one site alone; one agent; what another site stored.
    page = lima.hub.get("/v1/agents?limit=4")
    assert [one["agent"] for one in page["agents"]] == ["ada", "bob", "cleo", "dan"]
    assert (page["total"], page["counts"]["ok"]) == (6, 6)
    rest = lima.hub.get(f"/v1/agents?limit=4&cursor={page['next']}")
    assert [one["agent"] for one in rest["agents"]] == ["eve", "fay"]
    assert rest["next"] is None
    assert lima.agents("?site=paris") == everybody[2::3]
    assert lima.hub.get("/v1/agents/ada")["site"] == "berlin"
    assert len(lima.hub.get("/v1/history?agent=ada")["messages"]) == 1
    shown = fleet("status", "--site", "paris", environ=lima.hub.environ)
    assert shown.stdout.count("paris") == 2, shown.stdout + shown.stderr
    listed = fleet("site", "list", environ=lima.hub.environ).stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == list(NAMES)
    scraped = lima.hub.ask("GET", "/metrics", "scraper")[1]
    assert 'fleet_site_up{site="paris"} 1' in scraped

    # A name is one agent's.
    refused = fleet(
        "agent", "add", "ada", environ=paris.hub.environ | {"FLEET_BROKER_KIND": "other"}
    )
    assert refused.returncode != 0
    assert "ada is an agent of the site berlin" in refused.stderr
    assert "Try: fleet agent add ada-paris" in refused.stderr

    # A site without a broker: its hub says so itself, and one other hub for all.
    paris.broker.kill()
    for site in (berlin, lima):
        wait_until(lambda s=site: s.lost() == {"paris"}, LONG, f"paris lost to {site.name}")  # type: ignore[misc]
        assert site.agents("?site=paris") == [
            ("cleo", "paris", "unknown (lost)"), ("fay", "paris", "unknown (lost)"),
        ]  # fmt: skip
        assert site.sites()["paris"]["why"] == "its hub has no broker"
    wait_until(lambda: world.told("site-lost"), LONG, "the alert")
    assert [of for _, of in world.told("site-lost")] == ["site:paris"]
    assert not any(world.told(code) for code in PRESENCE), "nobody is told of each agent"
    shown = fleet("status", environ=lima.hub.environ)
    assert "unknown (site lost)" in shown.stdout
    assert "site paris is lost" in shown.stderr

    paris.broker.start()
    wait_until(lambda: not berlin.lost() | lima.lost(), LONG, "the return of paris")
    wait_until(lambda: not world.told("site-lost"), LONG, "the end of the alert")

    # A site without a hub.
    berlin.hub.kill()
    left = (lima, paris)
    for site in left:
        wait_until(lambda s=site: s.lost() == {"berlin"}, LONG, f"berlin lost to {site.name}")  # type: ignore[misc]
        assert site.sites()["berlin"]["why"] == "no hub of it leads"
    told = wait_until(
        lambda: [(s.name, a) for s in left for a, code in s.firing() if code == "site-lost"],
        LONG,
        "the alert",
    )
    assert [of for _, of in told] == ["site:berlin"]
    berlin.hub.start()
    wait_until(lambda: not lima.lost() | paris.lost(), LONG, "the return of berlin")
    wait_until(lambda: not world.told("site-lost"), LONG, "the end of the alert")
