"""What every store promises where the hub's clock was wrong for a while: ids keep the order, every
time finds its messages, and nothing goes before its time. See `fleet.store.port`."""

from __future__ import annotations

import random

import pytest

from fleet.domain.events import Event, Fact
from fleet.store.port import Store
from fleet.store.records import HOUR, Batch, StoredEvent, StoredMessage
from fleet.store.retention import DAY, GIGABYTE, Retention
from tests.support.stores import STATUS, Place, finish_upkeep, ids, stored
from tests.support.telemetry import NOON

YEAR = 365 * DAY
JUMPS = [HOUR, -HOUR, 30 * DAY, -30 * DAY, 10 * YEAR, -10 * YEAR]
jumps = pytest.mark.parametrize("jump", JUMPS)


def told(jump: float) -> list[StoredMessage]:
    """Three times three messages a minute apart: right, off by `jump`, right again."""
    off = {2: jump}
    return [
        stored(n, ("larry", "moe")[n % 2], STATUS, NOON + n * 60 + off.get((n + 2) // 3, 0.0))
        for n in range(1, 10)
    ]


@jumps
@pytest.mark.parametrize("indexed", [False, True])
async def test_every_time_finds_its_messages_in_order_of_ids(
    place: Place, jump: float, indexed: bool
):
    store = place.store()
    store.open()
    messages = told(jump)
    await store.commit(Batch(messages[:5]))  # a step within a batch
    await store.close()
    store = place.store()
    store.open()
    for message in messages[5:]:
        await store.commit(Batch([message]))
    if indexed:
        await finish_upkeep(store, NOON + 600)
    spans = [(None, None), (NOON, NOON + 600), (NOON + jump, NOON + jump + 600), (NOON + 420, None)]
    for since, until in spans:
        low, high = since or 0.0, until or float("inf")
        for agent in (None, "moe"):
            due = [m for m in messages if low <= m.at <= high and agent in (None, m.agent)]
            assert await ids(store, since=since, until=until, agent=agent) == [m.id for m in due]
            found = await store.newest(since=since, until=until, agent=agent, limit=2)
            assert found == due[-2:]
    await store.close()


async def test_any_walk_of_the_clock_keeps_every_message_findable(place: Place):
    chance = random.Random(26)
    store = place.store()
    store.open()
    messages: list[StoredMessage] = []
    at, last = NOON, 0
    for _ in range(60):
        at += chance.choice([0, 1, 5, 30, 400, 86_400, -7, -300, -86_400, -40 * DAY, 40 * DAY])
        batch = [stored(last + n, at=at + n / 10) for n in range(1, chance.randint(2, 6))]
        last = batch[-1].id
        messages += batch
        await store.commit(Batch(batch))
        if chance.random() < 0.1:
            await store.close()
            store = place.store()
            store.open()
    for _ in range(200):
        since = chance.choice(messages).at + chance.choice([-20, -0.05, 0, 0.05, 20])
        until = since + chance.choice([0, 1, 60, 7_200, 30 * DAY])
        due = [m.id for m in messages if since <= m.at <= until]
        assert await ids(store, since=since, until=until, limit=1_000) == due
    await store.close()


@jumps
async def test_a_restart_begins_with_the_time_of_what_came_last(place: Place, jump: float):
    store = place.store()
    store.open()
    event = StoredEvent(1, Event(Fact.BIRTH, "larry", NOON + jump))
    await store.commit(Batch(events=[event]))
    await store.commit(Batch([stored(2, at=NOON)]))
    await store.close()
    again = place.store()
    assert again.open().last_at == NOON
    await again.close()


@jumps
async def test_nothing_goes_before_what_came_before_it_is_due(place: Place, jump: float):
    """Not what claims to be years old in the midst of younger ones, nor what came before it."""
    store = place.store(Retention(raw=14))
    store.open()
    events = [StoredEvent(20 + m.id, Event(Fact.BIRTH, m.agent, m.at)) for m in told(jump)]
    await store.commit(Batch(told(jump), replay_from=10, events=events))
    await finish_upkeep(store, NOON + DAY)
    assert await ids(store) == list(range(1, 10))
    await finish_upkeep(store, NOON + 14 * DAY + 400)
    left = [4, 5, 6, 7, 8, 9] if jump > 0 else [7, 8, 9]
    assert await ids(store) == left, "what was stamped with the future is as old as what came next"
    await finish_upkeep(store, NOON + 15 * DAY)
    left = await ids(store)
    # What is rolled up, but not what a restart must still apply, is gone.
    assert left in ([], [9])
    await store.close()


@pytest.mark.parametrize("number", [3, 12_000])
async def test_many_messages_of_the_future_do_not_hold_up_those_behind_them(
    place: Place, number: int
):
    store = place.store(Retention(raw=14))
    store.open()
    future = [stored(n, at=NOON + YEAR + n / 100) for n in range(1, number + 1)]
    after = [stored(number + n, at=NOON + n) for n in (1, 2)]
    last = stored(number + 3, at=NOON + 20 * DAY)
    await store.commit(Batch([*future, *after, last], replay_from=number + 4))
    await finish_upkeep(store, NOON + 20 * DAY + 2 * HOUR)
    assert (await ids(store, limit=9))[-1:] == [number + 3]
    assert len(await ids(store, limit=number)) <= 2
    await store.close()


@jumps
async def test_sums_of_hours_go_on_behind_a_time_that_was_wrong(place: Place, jump: float):
    store = place.store()
    store.open()
    await store.commit(Batch(told(jump)))
    while await store.upkeep(NOON + 3 * HOUR, lambda _: NOON - 10 * YEAR):
        pass
    found = (await store.rollups()).rollups
    assert sum(hour.statuses for hour in found) == 9
    await store.close()


async def test_a_time_by_which_nothing_is_due_holds_all_but_the_bound_of_size(place: Place):
    store = place.store(Retention(raw=1))
    store.open()
    await store.commit(Batch([stored(n) for n in range(1, 9)], replay_from=9))
    while await store.upkeep(NOON + YEAR, lambda _: 0.0):
        pass
    assert len(await ids(store)) == 8
    await store.close()
    small = place.store(Retention(raw=1, max_gb=1 / GIGABYTE))
    small.open()
    while await small.upkeep(NOON + YEAR, lambda _: 0.0):
        pass
    assert len(await ids(small)) <= 1
    await small.close()


async def test_each_kind_is_judged_by_a_time_of_its_own(store: Store):
    await store.commit(Batch([stored(n) for n in (1, 2)], replay_from=3))
    asked: set[float] = set()

    def due(keep: float) -> float:
        asked.add(keep)
        return NOON

    while await store.upkeep(NOON + YEAR, due):
        pass
    keep = Retention()
    assert asked == {keep.raw, keep.dead_letters, keep.events, keep.rollups, keep.commands}
    assert len(await ids(store)) == 2
