"""Who leads, on a real PostgreSQL: one at a time, whatever the others slept through."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fleet.contract.store_url import StoreUrl
from fleet.store.leadership import LOOK, TTL
from fleet.store.port import LeadershipLostError, StoreError
from fleet.store.postgres import PostgresStore, connection
from fleet.store.postgres.connection import Database
from fleet.store.postgres.lease import Lease
from fleet.store.records import Batch
from tests.support import postgres
from tests.support.stores import PostgresPlace, ids, stored
from tests.support.telemetry import NOON

pytestmark = postgres.needs_postgres


class Clock:
    """Goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def place(tmp_path: Path) -> PostgresPlace:
    return PostgresPlace(tmp_path)


class Hubs:
    """Hubs on one database, closed at the end."""

    def __init__(self, url: StoreUrl) -> None:
        self.url = url
        self.stores: list[PostgresStore] = []

    def hub(self, name: str, clock: Clock | None = None) -> tuple[PostgresStore, Lease]:
        database = Database(self.url)
        lease = Lease(database, holder=name, **({"clock": clock} if clock else {}))
        store = PostgresStore(database, leadership=lease)
        self.stores.append(store)
        return store, lease


@pytest.fixture
def hubs(place: PostgresPlace) -> Iterator[Hubs]:
    hubs = Hubs(place.url)
    yield hubs
    for store in hubs.stores:
        asyncio.run(store.close())


def expire(place: PostgresPlace) -> None:
    """As if the lease were over by the database's clock."""
    place._run("UPDATE leader_leases SET expires = clock_timestamp() - interval '1 s'")


def test_one_leads_and_the_other_knows_whom_it_waits_for(hubs: Hubs) -> None:
    (_, one), (_, two) = hubs.hub("one"), hubs.hub("two")
    assert one.acquire() is None
    held = two.acquire()
    assert held is not None
    assert (held.holder, held.epoch) == ("one", 1)
    assert 0 < held.left <= TTL
    assert (one.is_certain, two.is_certain) == (True, False)
    one.renew()
    one.release()
    assert two.acquire() is None
    assert (two.epoch, one.is_certain) == (2, False)


def test_of_many_who_start_at_once_one_leads(hubs: Hubs) -> None:
    leases = [hubs.hub(f"hub-{n}")[1] for n in range(6)]
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda lease=lease: found.append(lease.acquire() is None))  # type: ignore[misc]
        for lease in leases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 5 + [True]


async def test_who_slept_through_its_lease_writes_nothing_and_hears_why(
    hubs: Hubs, place: PostgresPlace
) -> None:
    (old, one), (new, two) = hubs.hub("one"), hubs.hub("two")
    one.acquire()
    old.open()
    await old.commit(Batch([stored(1)]))
    expire(place)
    assert two.acquire() is None
    new.open()
    with pytest.raises(LeadershipLostError):
        await old.commit(Batch([stored(2)]))
    with pytest.raises(LeadershipLostError):
        await old.save_commands([])
    with pytest.raises(LeadershipLostError):
        await old.upkeep(0.0)
    with pytest.raises(LeadershipLostError):
        one.documents.write("route", "{}")
    with pytest.raises(LeadershipLostError):
        one.renew()
    await new.commit(Batch([stored(2, "moe")]))
    assert await ids(new) == [1, 2]
    assert await ids(new, agent="moe") == [2]


async def test_what_another_hub_wrote_is_no_fault_of_the_one_that_slept(
    hubs: Hubs, place: PostgresPlace
) -> None:
    """Its ids do not grow any more, and a month that it makes is there: it hears who leads."""
    (old, one), (new, two) = hubs.hub("one"), hubs.hub("two")
    one.acquire()
    old.open()
    await old.commit(Batch([stored(1)]))
    expire(place)
    two.acquire()
    new.open()
    later = NOON + 40 * 86_400
    await new.commit(Batch([stored(2), stored(3, at=later)]))
    for mine in (stored(2), stored(4, at=later)):
        with pytest.raises(LeadershipLostError):
            await old.commit(Batch([mine]))
    with pytest.raises(StoreError, match="does not grow"):
        await new.commit(Batch([stored(3)]))
    assert await ids(new) == [1, 2, 3]


async def test_a_lease_that_is_over_and_that_nobody_took_still_counts(
    hubs: Hubs, place: PostgresPlace
) -> None:
    store, lease = hubs.hub("one")
    lease.acquire()
    store.open()
    expire(place)
    await store.commit(Batch([stored(1)]))
    lease.renew()
    assert hubs.hub("two")[1].acquire() is not None


def test_a_clock_of_the_database_that_was_set_back_keeps_no_lease_for_the_dead(
    hubs: Hubs, place: PostgresPlace
) -> None:
    clock = Clock()
    (_, one), (_, two) = hubs.hub("one"), hubs.hub("two", clock)
    one.acquire()
    place._run("UPDATE leader_leases SET expires = clock_timestamp() + interval '1 year'")
    assert two.acquire() is not None
    clock.now += TTL
    place._run("UPDATE leader_leases SET expires = clock_timestamp() + interval '2 years'")
    assert two.acquire() is not None, "it was renewed meanwhile"
    clock.now += TTL + LOOK + 0.1
    assert two.acquire() is None


async def test_a_hub_stopped_in_the_midst_of_a_batch_holds_nobody_up(
    hubs: Hubs, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_BEGIN", connection._BEGIN.replace("5s", "300ms"))
    (old, one), (new, two) = hubs.hub("one"), hubs.hub("two")
    one.acquire()
    old.open()
    with psycopg.connect(place.url.text, autocommit=True) as stopped:
        stopped.execute(connection._BEGIN)
        stopped.execute("INSERT INTO meta VALUES ('message_to', 1)")
        stopped.execute("INSERT INTO agent VALUES (1, 'larry')")
        expire(place)
        assert two.acquire() is None
        new.open()
        await new.commit(Batch([stored(1)]))
        assert await ids(new) == [1]
        with pytest.raises(psycopg.Error):
            stopped.execute("COMMIT")


@pytest.mark.skipif(not postgres.PGBOUNCER, reason="PgBouncer is not installed")
async def test_a_pooler_in_transaction_mode_may_stand_between(
    place: PostgresPlace, tmp_path: Path
) -> None:
    """With fewer connections to the server than the hubs have: none is anybody's own."""
    with postgres.pooler(place.server, place.name, tmp_path) as url:
        await _take_turns(place, url)


async def _take_turns(place: PostgresPlace, url: StoreUrl) -> None:
    hubs = Hubs(url)
    try:
        (old, one), (new, two) = hubs.hub("one"), hubs.hub("two")
        assert one.acquire() is None
        old.open()
        for number in range(1, 40):
            await old.commit(Batch([stored(number, f"agent-{number % 7}")], replay_from=number))
            one.renew()
            assert two.acquire() is not None
        asked = await asyncio.gather(*(ids(old, agent="agent-3") for _ in range(20)))
        assert asked == [[3, 10, 17, 24, 31, 38]] * 20
        expire(place)
        assert two.acquire() is None
        assert new.open().last_id == 39
        with pytest.raises(LeadershipLostError):
            await old.commit(Batch([stored(40)]))
        await new.commit(Batch([stored(40)]))
        assert list(new.replay(38)) == [stored(39, "agent-4"), stored(40)]
    finally:
        for store in hubs.stores:
            await store.close()
