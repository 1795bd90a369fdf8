"""Three sites, each with a broker and a hub of its own, on one database: one view over all at any
of them, and one alert where one of them is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.served import fleet
from tests.support.sites import Site, World
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


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, NAMES)
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
    told = wait_until(lambda: lima.hub.get("/v1/silences")["silences"], LONG, "what berlin has")
    assert [(one["id"], one["site"]) for one in told] == [(made["id"], "berlin")]
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
    store, called = lima.hub.environ["FLEET_STORE"], world.called.url
    beside = Site("lima", lima.hub.home.parent / "beside", store, called)
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
    """Its own hub says that it has none, the others show what it says, and nobody says it twice."""
    berlin, lima, paris = world.sites.values()
    gone = [("cleo", "paris", "unknown (lost)"), ("fay", "paris", "unknown (lost)")]
    paris.broker.kill()
    for site in (berlin, lima):
        wait_until(lambda s=site: "paris" in s.lost(), LONG, f"paris lost to {site.name}")  # type: ignore[misc]
        assert site.sites()["paris"]["why"] == "its hub has no broker"
        assert site.agents("?site=paris") == gone
    shown = fleet("status", environ=lima.hub.environ)
    assert "unknown (site lost)" in shown.stdout
    assert "hub of paris: broker-down" in shown.stdout
    assert "site paris is lost" in shown.stderr
    checked = fleet("check", environ=lima.hub.environ)
    assert (checked.returncode, "hub of paris: broker-down" in checked.stdout) == (2, True)
    told = [("", "firing")]
    wait_until(lambda: world.called.states("broker-down") == told, LONG, "who is called")
    assert not [code for code in world.codes() if code in PRESENCE], "nobody is told of each agent"
    paris.broker.start()
    wait_until(lambda: "paris" not in berlin.lost() | lima.lost(), LONG, "the return of paris")
    told.append(("", "resolved"))
    wait_until(lambda: world.called.states("broker-down") == told, LONG, "the end of it")
    assert {one.message["code"] for one in world.called.taken} == {"broker-down"}


def a_site_without_a_hub_is_lost(world: World) -> None:
    berlin, lima, paris = world.sites.values()
    berlin.hub.kill()
    for site in (lima, paris):
        wait_until(lambda s=site: "berlin" in s.lost(), LONG, f"berlin lost to {site.name}")  # type: ignore[misc]
        assert site.sites()["berlin"]["why"] == "no hub of it leads"
    wait_until(lambda: world.tells_of("berlin"), LONG, "the alert")
    assert len(world.tells_of("berlin")) == 1
    told = [("site:berlin", "firing")]
    wait_until(lambda: world.called.states("site-lost") == told, LONG, "who is called")
    berlin.hub.start()
    wait_until(lambda: "berlin" not in lima.lost() | paris.lost(), LONG, "the return of berlin")
    wait_until(lambda: not world.tells_of("berlin"), LONG, "the end of the alert")
    told.append(("site:berlin", "resolved"))
    wait_until(lambda: world.called.states("site-lost") == told, LONG, "the end of it")
    assert {one.message["code"] for one in world.called.taken} == {"broker-down", "site-lost"}
