"""What every store promises of pages, sums of hours and retention; see `fleet.store.port`."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from fleet.contract.topics import RECORDED
from fleet.contract.vocabulary import MessageKind, Priority, Verb
from fleet.domain.commands import IssuedCommand
from fleet.store.port import Store
from fleet.store.records import HOUR, Batch, DeadLetter, StoredMessage
from fleet.store.retention import DAY, Retention
from tests.support.stores import ALERT, BEAT, STATUS, Place, finish_upkeep, ids, stored
from tests.support.telemetry import NOON

OF_AN_AGENT = [kind for kind in RECORDED if kind is not MessageKind.BROADCAST]
"""Every kind that is stored and has an agent: states first."""


def dead(id_: int, at: float = NOON) -> DeadLetter:
    return DeadLetter(id_, at, "x", b"", False, "not-json", "")


async def paged(store: Store, limit: int, **wanted: Any) -> list[int]:
    """The ids of all pages of history."""
    found: list[int] = []
    cursor = None
    while True:
        page = await store.history(**wanted, cursor=cursor, limit=limit)
        assert len(page.messages) <= limit
        found += [message.id for message in page.messages]
        cursor = page.next
        if cursor is None:
            return found


async def hours(store: Store, limit: int = 100, **wanted: Any) -> list[tuple[int, str]]:
    """(hours since noon, agent) of all pages of roll-ups."""
    found: list[tuple[int, str]] = []
    cursor = None
    while True:
        page = await store.rollups(cursor=cursor, limit=limit, **wanted)
        assert len(page.rollups) <= limit
        found += [(int(one.hour - NOON) // HOUR, one.agent) for one in page.rollups]
        cursor = page.next
        if cursor is None:
            return found


# History


@pytest.mark.parametrize("indexed", [False, True])
async def test_history_is_the_same_with_and_without_the_index(store: Store, indexed: bool) -> None:
    kinds = [BEAT, *OF_AN_AGENT]
    messages = [
        stored(n, ("larry", "moe")[n // 2 % 2], kinds[n % len(kinds)], NOON + n * 7)
        for n in range(1, 101)
    ]
    for start in range(0, 100, 10):
        await store.commit(Batch(messages[start : start + 10]))
    if indexed:
        await finish_upkeep(store, NOON)
        await store.commit(Batch([stored(101, "larry", BEAT, NOON + 2000)]))  # not in it yet
        messages.append(stored(101, "larry", BEAT, NOON + 2000))
    for agent in (None, "larry", "moe", "curly"):
        for kind in (None, *OF_AN_AGENT):
            for since, until in ((None, None), (NOON + 100, NOON + 400)):
                expected = [
                    m.id
                    for m in messages
                    if agent in (None, m.agent)
                    and kind in (None, m.kind)
                    and (since is None or since <= m.at <= (until or 0))
                ]
                wanted = {"agent": agent, "kind": kind, "since": since, "until": until}
                assert await ids(store, **wanted, limit=1000) == expected
                assert await paged(store, 7, **wanted) == expected
                for limit in (1, 7, 1000):
                    newest = [one.id for one in await store.newest(**wanted, limit=limit)]
                    assert newest == expected[-limit:]
                for before in (1, 50, 101):
                    found = await store.newest(**wanted, before=before, limit=7)
                    below = [id_ for id_ in expected if id_ < before]
                    assert [one.id for one in found] == below[-7:]


async def test_an_index_that_is_half_way_hides_nothing(store: Store) -> None:
    await store.commit(Batch([stored(n) for n in range(1, 6)]))
    await store.upkeep(NOON)
    await store.commit(Batch([stored(n) for n in range(6, 11)]))
    assert await ids(store, agent="larry") == list(range(1, 11))
    assert await ids(store, agent="larry", cursor="3", limit=4) == [4, 5, 6, 7]


@pytest.mark.parametrize("cursor", ["", "-1", "x", "9" * 30])
async def test_a_foreign_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await store.history(cursor=cursor)


@pytest.mark.parametrize("indexed", [False, True])
async def test_both_ends_of_a_time_range_are_inside(store: Store, indexed: bool) -> None:
    times = [NOON, NOON + 0.1, NOON + 0.1, NOON + 0.1 + 0.2, NOON + 40]
    await store.commit(Batch([stored(n, at=at) for n, at in enumerate(times, 1)]))
    if indexed:
        await finish_upkeep(store, NOON)
    for agent in (None, "larry"):
        assert await ids(store, agent=agent, since=NOON + 0.1) == [2, 3, 4, 5]
        assert await ids(store, agent=agent, until=NOON + 0.1) == [1, 2, 3]
        assert await ids(store, agent=agent, since=NOON + 0.1, until=NOON + 0.1) == [2, 3]
        assert await ids(store, agent=agent, since=NOON + 0.15, until=NOON + 0.2) == []
        assert await ids(store, agent=agent, since=NOON + 9, until=NOON) == []
        assert await ids(store, agent=agent, since=0, until=2.0**60) == [1, 2, 3, 4, 5]


async def test_messages_of_one_moment_keep_the_order_of_their_ids(store: Store) -> None:
    kinds = (ALERT, BEAT, STATUS)
    messages = [stored(n, ("zoe", "moe", "ada")[n % 3], kinds[n // 3 % 3]) for n in range(1, 28)]
    await store.commit(Batch(messages[:9]))
    await finish_upkeep(store, NOON)
    await store.commit(Batch(messages[9:]))
    assert await paged(store, 4) == list(range(1, 28))
    assert await paged(store, 4, agent="moe") == list(range(1, 28, 3))
    assert await paged(store, 2, kind=STATUS) == [m.id for m in messages if m.kind is STATUS]


async def test_a_cursor_stays_good_while_messages_come_and_go(place: Place) -> None:
    store = place.store(Retention(raw=1))
    store.open()
    later = NOON + 3 * DAY
    await store.commit(Batch([stored(n) for n in range(1, 9)]))
    pages = [await store.history(limit=3), await store.history(limit=3, agent="larry")]
    await store.commit(Batch([stored(9, "moe", at=later), stored(10, at=later)], replay_from=10))
    for page, agent, new in zip(pages, (None, "larry"), ([9, 10], [10]), strict=True):
        assert [message.id for message in page.messages] == [1, 2, 3]
        rest = await ids(store, cursor=page.next, agent=agent)
        assert rest == [4, 5, 6, 7, 8, *new]
    await finish_upkeep(store, later + HOUR)
    for page, agent, new in zip(pages, (None, "larry"), ([9, 10], [10]), strict=True):
        assert await ids(store, cursor=page.next, agent=agent) == new
    await store.close()


async def test_notices_have_no_agent_and_receipts_are_never_stored(store: Store) -> None:
    notice = StoredMessage(2, NOON, "", MessageKind.BROADCAST, False, b'{"notice":"hub-online"}')
    command = StoredMessage(3, NOON, "larry", MessageKind.COMMAND, False, b"{}")
    await store.commit(Batch([stored(1), notice, command]))
    assert (await store.history(kind=MessageKind.BROADCAST)).messages == [notice]
    assert (await store.history(kind=MessageKind.COMMAND)).messages == [command]
    assert await ids(store, kind=MessageKind.RECEIPT) == []
    assert await ids(store, agent="larry") == [1, 3]


# Dead letters


async def test_dead_letters_are_bounded(place: Place) -> None:
    store = place.store(Retention(max_dead_letters=10))
    store.open()
    dead_letters = [dead(n) for n in range(1, 31)]

    async def kept() -> list[int]:
        return [dead_letter.id for dead_letter in await store.dead_letters(before=None, limit=100)]

    for start in range(0, 30, 6):
        await store.commit(Batch(dead_letters=dead_letters[start : start + 6]))
        assert len(await kept()) <= 10, "not even between two steps of upkeep"
    assert await kept() == list(range(30, 20, -1))
    assert store.dead_letters_dropped == 20
    await finish_upkeep(store, NOON + 31 * DAY)
    assert await kept() == []
    await store.commit(Batch(dead_letters=[dead(31)]))
    assert (await kept(), store.dead_letters_dropped) == ([31], 20)
    await store.close()
    store = place.store(Retention(max_dead_letters=1))
    store.open()
    await store.commit(Batch(dead_letters=[dead(32)]))
    assert await kept() == [32]
    assert store.dead_letters_dropped == 1, "counted since the start"
    await store.commit(Batch(dead_letters=[dead(n) for n in range(33, 40)]))
    assert (await kept(), store.dead_letters_dropped) == ([39], 8), "more than it keeps at once"
    await store.close()


async def test_dead_letters_are_paged_from_the_newest_back(store: Store) -> None:
    await store.commit(Batch([stored(5)], [dead(n) for n in (1, 2, 3, 4, 6, 7)]))
    pages: list[list[int]] = []
    before: int | None = None
    while found := await store.dead_letters(before=before, limit=4):
        pages.append([dead_letter.id for dead_letter in found])
        before = pages[-1][-1]
    assert pages == [[7, 6, 4, 3], [2, 1]]
    assert await store.dead_letters(before=0, limit=4) == []
    assert len(await store.dead_letters(before=10**30, limit=4)) == 4


# Sums of hours


async def test_metrics_are_rolled_up_as_least_greatest_and_last(store: Store) -> None:
    payloads = [
        {"ok": n != 2, "ts": "2027-01-15T08:00:00Z", "metrics": {"load": n}} for n in (3, 1, 2)
    ]
    messages = [
        StoredMessage(n, NOON, "larry", BEAT, False, json.dumps(p).encode())
        for n, p in enumerate(payloads, 1)
    ]
    await store.commit(Batch(messages))
    await finish_upkeep(store, NOON + 7200)
    (rollup,) = (await store.rollups()).rollups
    assert rollup.beats == 3
    assert rollup.failing == 1
    assert rollup.metrics == {"load": [1, 3, 2]}


async def test_an_hour_is_summed_up_once_whole_and_only_when_it_is_over(
    place: Place, store: Store
) -> None:
    """More messages than one step of upkeep takes, of every kind; a crash between two steps."""
    kinds = (BEAT, BEAT, STATUS, ALERT, *OF_AN_AGENT[3:])
    messages = [
        StoredMessage(
            n, NOON + n, "larry", kinds[n % len(kinds)], False,
            json.dumps({"ok": n % 10 > 0, "metrics": {"load": (n * 7919) % 3001 + 0.1}}).encode()
            if kinds[n % len(kinds)] is BEAT else b"{}",
        )
        for n in range(1, 3001)
    ]  # fmt: skip
    await store.commit(Batch(messages))
    await finish_upkeep(store, NOON + HOUR - 1)
    assert await hours(store) == []
    await store.upkeep(NOON + HOUR)
    store = place.after_a_crash().store()
    store.open()
    for now in (NOON + HOUR, NOON + HOUR + 5, NOON + 2 * HOUR):
        await finish_upkeep(store, now)
    (rollup,) = (await store.rollups()).rollups
    assert (rollup.hour, rollup.agent) == (NOON, "larry")
    counted = Counter(message.kind for message in messages)
    sums = (rollup.beats, rollup.statuses, rollup.alerts)
    assert sums == (counted[BEAT], counted[STATUS], counted[ALERT])
    loads = [(n * 7919) % 3001 + 0.1 for n in range(1, 3001) if kinds[n % len(kinds)] is BEAT]
    assert rollup.metrics == {"load": [min(loads), max(loads), loads[-1]]}
    unwell = [n for n in range(10, 3001, 10) if kinds[n % len(kinds)] is BEAT]
    assert rollup.failing == len(unwell) > 0
    await store.commit(Batch([stored(3001, at=NOON + 2 * HOUR)]))
    await finish_upkeep(store, NOON + 3 * HOUR)
    assert (await store.rollups(limit=1)).rollups == [rollup]
    assert await hours(store) == [(0, "larry"), (2, "larry")]
    await store.close()


async def test_roll_ups_are_paged_by_time_and_by_agent(store: Store) -> None:
    messages = [
        stored(2 * n + k, agent, at=NOON + n * 3600)
        for n in range(5)
        for k, agent in enumerate(("larry", "moe"), 1)
    ]
    for message in messages:  # one by one: agents have their numbers in this order
        await store.commit(Batch([message]))
    await finish_upkeep(store, NOON + 5 * 3600)
    everything = [(n, agent) for n in range(5) for agent in ("larry", "moe")]
    for limit in (1, 3, 10, 100):
        assert await hours(store, limit) == everything
        assert await hours(store, limit, agent="moe") == [(n, "moe") for n in range(5)]
    touched = await hours(store, since=NOON + 3600 + 60, until=NOON + 2 * 3600 + 60)
    assert touched == [(n, agent) for n in (1, 2) for agent in ("larry", "moe")]
    assert await hours(store, agent="moe", since=NOON + 4 * 3600) == [(4, "moe")]
    assert await hours(store, since=NOON + 3600, until=NOON + 3600) == touched[:2]
    for nothing in (
        {"since": NOON + 9 * 3600},
        {"until": NOON - 1},
        {"agent": "curly"},
        {"agent": "moe", "since": NOON + 9 * 3600},
    ):
        assert await hours(store, **nothing) == []


@pytest.mark.parametrize(
    "cursor", ["", "x", "1", "-1-0", "1-x", "1" * 40, f"{'9' * 20}-1", f"1-{'9' * 20}"]
)
async def test_a_foreign_cursor_of_roll_ups_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        await store.rollups(cursor=cursor)


# Retention


async def test_old_messages_go_and_their_hours_stay(place: Place) -> None:
    store = place.store(Retention(raw=1))
    store.open()
    later = NOON + 3 * DAY
    await store.commit(Batch([stored(n) for n in range(1, 6)], replay_from=6))
    await store.commit(Batch([stored(6, at=later)]))
    await finish_upkeep(store, later + 3600)
    await store.commit(Batch(records=[("larry", 6, {})], replay_from=6))
    await finish_upkeep(store, later + 3600)
    assert await ids(store) == [6]
    assert await ids(store, agent="larry") == [6]
    found = (await store.rollups()).rollups
    assert [(one.beats, one.failing) for one in found] == [(5, 0), (1, 0)]
    await store.close()


async def test_what_a_restart_must_still_apply_is_never_forgotten(place: Place) -> None:
    store = place.store(Retention(raw=1))
    store.open()
    await store.commit(Batch([stored(n) for n in range(1, 6)], replay_from=3))
    await finish_upkeep(store, NOON + 30 * DAY)
    assert await ids(store) == [3, 4, 5]
    await store.close()


async def test_everything_is_forgotten_at_its_own_age(place: Place) -> None:
    store = place.store(Retention(raw=2, rollups=8, dead_letters=4, commands=6))
    store.open()
    ages = range(10)
    now = NOON + 9 * DAY + HOUR
    times = [NOON + age * DAY + HOUR for age in ages]
    await store.commit(
        Batch(
            [stored(n + 1, at=at) for n, at in enumerate(times)],
            [dead(n + 101, at) for n, at in enumerate(times)],
            replay_from=10,
        )
    )
    commands = [
        IssuedCommand(str(n), "larry", Verb.HEALTH_CHECK, Priority.NORMAL, 60, at)
        for n, at in enumerate(times)
    ]
    await store.save_commands(commands)
    await finish_upkeep(store, now)
    assert await ids(store) == [8, 9, 10]
    dead_letters = await store.dead_letters(before=None, limit=99)
    assert [dead_letter.id for dead_letter in dead_letters] == [110, 109, 108, 107, 106]
    assert await store.commands(agent=None, since=0, limit=99) == commands[3:]
    # The hour that begins now is not over, and not summed up.
    assert await hours(store) == [(24 * n + 1, "larry") for n in range(1, 9)]
    await store.close()
