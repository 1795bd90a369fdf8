"""Several sites in one database: each has its own part of it, and each name is one site's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.store_url import StoreUrl
from fleet.contract.vocabulary import MessageKind
from fleet.store.move import Move, into_database
from fleet.store.port import StoreError
from fleet.store.postgres import PostgresStore
from fleet.store.postgres.connection import Database
from fleet.store.postgres.lease import Lease
from fleet.store.postgres.migrations import known_version
from fleet.store.postgres.sites import PostgresSites, remove, reserve
from fleet.store.records import Batch
from fleet.store.sqlite import moved as home_moved
from fleet.store.transfer.sides import KeptDocuments
from tests.support import postgres
from tests.support.stores import SqlitePlace, ids, stored

pytestmark = postgres.needs_postgres

FLEET = "a" * 32


class World:
    """An empty database, and hubs that come to it."""

    def __init__(self) -> None:
        server = postgres.shared_server()
        self.name = postgres.new_name()
        server.run("CREATE DATABASE {}", self.name)
        self.url = StoreUrl.parse(server.address(self.name))
        self._opened: list[Database] = []

    def database(self, site: str) -> Database:
        database = Database(self.url.at(site))
        database.open()
        self._opened.append(database)
        return database

    def leads(self, site: str, fleet: str = FLEET) -> Lease:
        lease = Lease(self.database(site), fleet=fleet)
        assert lease.acquire() is None
        return lease

    def sites(self, site: str) -> PostgresSites:
        sites = self.leads(site).sites
        assert isinstance(sites, PostgresSites)
        return sites

    def made_long_ago(self) -> None:
        """What was reserved is so for longer than an enrolment takes."""
        text = "UPDATE fleet_sites.agent SET since = since - interval '1 day'"
        postgres.shared_server().run(text, database=self.name)

    def close(self) -> None:
        for database in self._opened:
            database.close()


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


async def test_each_site_has_a_hub_that_leads_and_a_store_of_its_own(world: World) -> None:
    stores = {}
    for number, site in enumerate(("main", "berlin", "los-angeles"), 1):
        lease = world.leads(site)
        store = PostgresStore(world.database(site), leadership=lease)
        assert store.open().last_id == 0, "nothing of the site before"
        await store.commit(Batch(messages=[stored(number, f"of-{site}", MessageKind.HEARTBEAT)]))
        stores[site] = store
    assert {site: await ids(store) for site, store in stores.items()} == {
        "main": [1], "berlin": [2], "los-angeles": [3],
    }  # fmt: skip
    for store in stores.values():
        await store.close()


def test_a_database_without_sites_knows_nothing_of_them(world: World) -> None:
    world.leads("")
    found = postgres.shared_server().run(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'fleet%'", database=world.name
    )
    assert found == []


def test_what_a_database_held_before_becomes_the_site_main(world: World) -> None:
    world.leads("").release()
    with pytest.raises(StoreError, match="holds a fleet that has no site yet") as refused:
        world.leads("berlin")
    assert "FLEET_SITE=main" in refused.value.remedy
    main = world.leads("main")
    assert main.epoch == 2, "the same lease"
    world.leads("berlin")
    main.release()
    with pytest.raises(StoreError, match="has sites, and this hub has none") as refused:
        world.leads("")
    assert "berlin, main" in refused.value.why


def test_a_site_of_another_fleet_is_refused_and_changes_nothing(world: World) -> None:
    world.leads("berlin")
    with pytest.raises(StoreError, match="another fleet's") as refused:
        world.leads("paris", fleet="b" * 32)
    assert "fleet.id" in refused.value.remedy
    assert world.sites("berlin-2").names() == ["berlin", "berlin-2"]
    paris = world.database("paris")
    assert paris.snapshot(known_version) == 0


def test_a_name_is_one_sites_until_its_agent_leaves(world: World) -> None:
    berlin, paris = world.sites("berlin"), world.sites("paris")
    assert berlin.keep({"ada", "bob"}) == {}
    assert paris.keep({"ada", "eve"}) == {"ada": "berlin"}
    with pytest.raises(ConfigError, match="bob is an agent of the site berlin") as refused:
        reserve(world.database("paris"), "bob")
    assert "fleet agent add bob-paris" in refused.value.remedy
    reserve(world.database("berlin"), "bob")  # once more at its own site
    world.made_long_ago()
    assert berlin.keep({"ada"}) == {}
    reserve(world.database("paris"), "bob")
    assert paris.keep({"eve"}) == {}, "what is reserved stays until the agent is on the list"
    assert berlin.keep({"ada", "bob"}) == {"bob": "paris"}


def test_one_site_tells_that_another_is_lost_and_the_next_where_that_is_lost_too(
    world: World,
) -> None:
    a, b, c = (world.sites(name) for name in "abc")
    assert a.tells_of({"c"}) == {"c"}
    assert b.tells_of({"c"}) == set()
    assert a.tells_of({"c"}) == {"c"}, "still"
    assert b.tells_of({"a", "c"}) == {"a", "c"}
    assert c.tells_of(()) == set()
    assert b.tells_of({"a"}) == {"a"}, "c is back"
    assert a.tells_of({"c"}) == {"c"}, "and lost again: whoever sees it first"


def test_a_site_that_is_closed_is_forgotten_and_its_names_are_free(world: World) -> None:
    berlin, lima = world.sites("berlin"), world.leads("lima")
    assert lima.sites
    lima.sites.keep({"bob"})
    with pytest.raises(ConfigError, match="leads at lima"):
        remove(world.database("lima"), "lima")
    lima.release()
    remove(world.database("lima"), "lima")
    assert berlin.names() == ["berlin"]
    assert berlin.keep({"bob"}) == {}
    with pytest.raises(ConfigError, match="there is no site lima"):
        remove(world.database("lima"), "lima")


async def test_a_home_moves_into_the_part_of_its_site(world: World, tmp_path: Path) -> None:
    home = SqlitePlace(tmp_path)
    store = home.store()
    store.open()
    await store.commit(Batch(messages=[stored(1)]))
    await store.close()
    world.leads("main")
    move = Move(home.home, world.url.at("lima"), None, KeptDocuments(dict, lambda _: None))
    assert [one.rows for one in into_database(move).tables if one.name == "message"] == [1]
    with pytest.raises(StoreError, match="site lima") as refused:
        home_moved.require_here(home.home)
    assert "FLEET_SITE=lima" in refused.value.remedy
    moved = PostgresStore(world.database("lima"), leadership=world.leads("lima"))
    moved.open()
    assert await ids(moved) == [1]
    await moved.close()


@pytest.mark.skipif(not postgres.PGBOUNCER, reason="PgBouncer is not installed")
async def test_sites_keep_apart_behind_a_pooler_in_transaction_mode(
    world: World, tmp_path: Path
) -> None:
    """Both use the same two connections to the server, in turns."""
    with postgres.pooler(postgres.shared_server(), world.name, tmp_path) as url:
        world.url = url
        stores = {
            site: PostgresStore(world.database(site), leadership=world.leads(site))
            for site in ("berlin", "main")
        }
        for store in stores.values():
            store.open()
        for number in range(1, 21):
            await asyncio.gather(
                stores["berlin"].commit(Batch(messages=[stored(number)])),
                stores["main"].commit(Batch(messages=[stored(number + 100)])),
            )
        assert await ids(stores["berlin"]) == list(range(1, 21))
        assert await ids(stores["main"]) == list(range(101, 121))
        for store in stores.values():
            await store.close()
