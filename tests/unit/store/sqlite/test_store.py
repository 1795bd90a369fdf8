"""The store: what is committed is there, in order, page by page; what is old goes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.vocabulary import AlertState, MessageKind, Priority, Result, Severity, Verb
from fleet.domain.alerts import Alert, Silence
from fleet.domain.commands import CommandState, IssuedCommand
from fleet.domain.events import Event, Fact
from fleet.store.port import StoreError
from fleet.store.records import Batch, DeadLetter, StoredEvent, StoredMessage
from fleet.store.retention import Retention
from fleet.store.sqlite import FILE_NAME, SqliteStore
from fleet.store.sqlite.backup import back_up

NOON = 1_800_000_000.0
BEAT, STATUS, ALERT = MessageKind.HEARTBEAT, MessageKind.STATUS, MessageKind.ALERT


def stored(
    id_: int, agent: str = "larry", kind: MessageKind = BEAT, at: float = NOON
) -> StoredMessage:
    return StoredMessage(id_, at, agent, kind, False, b'{"ok":true,"ts":"2027-01-15T08:00:00Z"}')


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "home")
    store.open()
    yield store
    await store.close()


async def ids(store: SqliteStore, **wanted: object) -> list[int]:
    return [message.id for message in (await store.history(**wanted)).messages]


async def test_the_file_is_for_its_owner_alone(store: SqliteStore):
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


async def test_what_was_committed_is_there_after_a_restart(store: SqliteStore, tmp_path: Path):
    alert = Alert("larry", "agent-late", Severity.WARNING, AlertState.FIRING, NOON)
    event = Event(Fact.ALERT_FIRING, "larry", NOON, "agent-late", Severity.WARNING, 2.0, "x")
    silence = Silence("s", NOON + 5, agent="larry", by="mia")
    batch = Batch(
        [stored(1)],
        [DeadLetter(2, NOON, "fleet/larry/alert", b"\xff", True, "not-utf8", "")],
        [StoredEvent(3, event)],
        [alert],
        silences=[silence],
        records=[("larry", 1, {"verdict": "ok"})],
        replay_from=1,
    )
    await store.commit(batch)
    await store.close()
    again = SqliteStore(tmp_path / "home")
    memory = again.open()
    assert (memory.last_id, memory.last_at, memory.replay_from) == (3, NOON, 1)
    assert memory.records == [("larry", 1, {"verdict": "ok"})]
    assert (memory.alerts, memory.silences) == ([alert], [silence])
    assert list(again.replay(0)) == [stored(1)]
    assert [
        dead_letter.payload for dead_letter in await again.dead_letters(before=None, limit=5)
    ] == [b"\xff"]
    await again.close()


async def test_a_batch_is_whole_or_not_at_all(store: SqliteStore):
    await store.commit(Batch([stored(1)]))
    with pytest.raises(StoreError):
        await store.commit(Batch([stored(2, "moe"), stored(1)]))
    assert await ids(store) == [1]
    await store.commit(Batch([stored(2, "moe")]))
    assert await ids(store, agent="moe") == [2]


@pytest.mark.parametrize("indexed", [False, True])
async def test_history_is_the_same_with_and_without_the_index(store: SqliteStore, indexed: bool):
    kinds = [BEAT, BEAT, STATUS, ALERT]
    messages = [
        stored(n, ("larry", "moe")[n % 2], kinds[n % 4], NOON + n * 7) for n in range(1, 101)
    ]
    for start in range(0, 100, 10):
        await store.commit(Batch(messages[start : start + 10]))
    if indexed:
        while await store.upkeep(NOON):
            pass
    for agent in (None, "larry", "moe", "curly"):
        for kind in (None, BEAT, STATUS, ALERT):
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
                paged: list[int] = []
                cursor = None
                while True:
                    page = await store.history(**wanted, cursor=cursor, limit=7)
                    paged += [message.id for message in page.messages]
                    cursor = page.next
                    if cursor is None:
                        break
                assert paged == expected


@pytest.mark.parametrize("cursor", ["", "-1", "x", "9" * 30])
async def test_a_foreign_cursor_is_refused(store: SqliteStore, cursor: str):
    with pytest.raises(ValueError, match="cursor"):
        await store.history(cursor=cursor)


async def test_an_index_that_is_half_way_hides_nothing(store: SqliteStore):
    await store.commit(Batch([stored(n) for n in range(1, 6)]))
    await store.upkeep(NOON)
    await store.commit(Batch([stored(n) for n in range(6, 11)]))
    assert await ids(store, agent="larry") == list(range(1, 11))
    assert await ids(store, agent="larry", cursor="3", limit=4) == [4, 5, 6, 7]


async def test_old_messages_go_and_their_hours_stay(tmp_path: Path):
    store = SqliteStore(tmp_path / "home", Retention(raw=1))
    store.open()
    later = NOON + 3 * 86_400
    await store.commit(Batch([stored(n) for n in range(1, 6)], replay_from=6))
    await store.commit(Batch([stored(6, at=later)]))
    while await store.upkeep(later + 3600):
        pass
    await store.commit(Batch(records=[("larry", 6, {})], replay_from=6))
    while await store.upkeep(later + 3600):
        pass
    assert await ids(store) == [6]
    assert await ids(store, agent="larry") == [6]
    with sqlite3.connect(store.path) as database:
        hours = database.execute("SELECT beats, failing FROM rollup ORDER BY hour").fetchall()
        entries = database.execute("SELECT count(*) FROM message_index").fetchone()
    database.close()
    assert hours == [(5, 0), (1, 0)]
    assert entries == (1,)
    await store.close()


async def test_what_a_restart_must_still_apply_is_never_forgotten(tmp_path: Path):
    store = SqliteStore(tmp_path / "home", Retention(raw=1))
    store.open()
    await store.commit(Batch([stored(n) for n in range(1, 6)], replay_from=3))
    while await store.upkeep(NOON + 30 * 86_400):
        pass
    assert await ids(store) == [3, 4, 5]
    await store.close()


async def test_dead_letters_are_bounded(tmp_path: Path):
    store = SqliteStore(tmp_path / "home", Retention(max_dead_letters=10))
    store.open()
    dead_letters = [DeadLetter(n, NOON, "x", b"", False, "not-json", "") for n in range(1, 31)]

    async def kept() -> list[int]:
        return [dead_letter.id for dead_letter in await store.dead_letters(before=None, limit=100)]

    for start in range(0, 30, 6):
        await store.commit(Batch(dead_letters=dead_letters[start : start + 6]))
        assert len(await kept()) <= 10, "not even between two steps of upkeep"
    assert await kept() == list(range(30, 20, -1))
    assert store.dead_letters_dropped == 20
    while await store.upkeep(NOON + 31 * 86_400):
        pass
    assert await kept() == []
    await store.commit(Batch(dead_letters=[DeadLetter(31, NOON, "x", b"", False, "not-json", "")]))
    assert (await kept(), store.dead_letters_dropped) == ([31], 20)
    await store.close()
    store = SqliteStore(tmp_path / "home", Retention(max_dead_letters=1))
    store.open()
    await store.commit(Batch(dead_letters=[DeadLetter(32, NOON, "x", b"", False, "not-json", "")]))
    assert await kept() == [32]
    await store.close()


async def test_metrics_are_rolled_up_as_least_greatest_and_last(store: SqliteStore):
    payloads = [
        {"ok": n != 2, "ts": "2027-01-15T08:00:00Z", "metrics": {"load": n}} for n in (3, 1, 2)
    ]
    messages = [
        StoredMessage(n, NOON, "larry", BEAT, False, json.dumps(p).encode())
        for n, p in enumerate(payloads, 1)
    ]
    await store.commit(Batch(messages))
    while await store.upkeep(NOON + 7200):
        pass
    with sqlite3.connect(store.path) as database:
        row = database.execute("SELECT beats, failing, metrics FROM rollup").fetchone()
    database.close()
    assert row[0] == 3
    assert json.loads(row[2]) == {"load": [1, 3, 2]}


async def test_roll_ups_are_paged_by_time_and_by_agent(store: SqliteStore):
    hours = [
        stored(2 * n + k, agent, at=NOON + n * 3600)
        for n in range(5)
        for k, agent in enumerate(("larry", "moe"), 1)
    ]
    for message in hours:  # one by one: agents have their numbers in this order
        await store.commit(Batch([message]))
    while await store.upkeep(NOON + 5 * 3600):
        pass

    async def pages(**wanted: Any) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        cursor = None
        while True:
            page = await store.rollups(cursor=cursor, **wanted)
            found += [(int(one.hour - NOON) // 3600, one.agent) for one in page.rollups]
            cursor = page.next
            if cursor is None:
                return found

    everything = [(n, agent) for n in range(5) for agent in ("larry", "moe")]
    for limit in (1, 3, 10, 100):
        assert await pages(limit=limit) == everything
        assert await pages(limit=limit, agent="moe") == [(n, "moe") for n in range(5)]
    touched = await pages(since=NOON + 3600 + 60, until=NOON + 2 * 3600 + 60)
    assert touched == [(n, agent) for n in (1, 2) for agent in ("larry", "moe")]
    assert await pages(agent="moe", since=NOON + 4 * 3600) == [(4, "moe")]
    for nothing in (
        {"since": NOON + 9 * 3600},
        {"until": NOON - 1},
        {"agent": "curly"},
        {"agent": "moe", "since": NOON + 9 * 3600},
    ):
        assert await pages(**nothing) == []


@pytest.mark.parametrize("cursor", ["", "x", "1", "-1-0", "1-x", "1" * 40])
async def test_a_foreign_cursor_of_roll_ups_is_refused(store: SqliteStore, cursor: str):
    with pytest.raises(ValueError, match="not a cursor"):
        await store.rollups(cursor=cursor)


async def test_orders_are_kept(store: SqliteStore, tmp_path: Path):
    command = IssuedCommand("01JZ", "larry", Verb.HEALTH_CHECK, Priority.HIGH, 60, NOON, "cli")
    done = IssuedCommand(
        "01JY", "larry", Verb.HEALTH_CHECK, Priority.NORMAL, 60, NOON - 9, state=CommandState.DONE
    )
    await store.save_commands([command, done])
    assert await store.commands(agent="larry", since=0, limit=10) == [done, command]
    assert await store.commands(agent="moe", since=0, limit=10) == []
    await store.close()
    again = SqliteStore(tmp_path / "home")
    again.open()
    assert await again.commands(agent="larry", since=0, limit=10) == [done, command]
    await again.close()


async def test_a_backup_taken_while_serving_opens_as_a_store(store: SqliteStore, tmp_path: Path):
    await store.commit(Batch([stored(n) for n in range(1, 2000)]))
    target = tmp_path / "copy" / FILE_NAME
    target.parent.mkdir()
    await asyncio.gather(
        asyncio.to_thread(back_up, store.path, target),
        *(store.commit(Batch([stored(n)])) for n in range(2000, 2010)),
    )
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    copy = SqliteStore(target.parent)
    assert copy.open().last_id >= 1999
    await copy.close()


async def test_a_backup_to_nowhere_is_an_error_with_a_remedy(store: SqliteStore, tmp_path: Path):
    with pytest.raises(StoreError, match="Try:"):
        back_up(store.path, tmp_path / "missing" / "copy")


async def test_a_second_hub_in_one_home_is_refused(store: SqliteStore):
    with pytest.raises(StoreError, match="another hub"):
        SqliteStore(store.path.parent).open()


async def test_a_damaged_file_is_refused_with_a_remedy(tmp_path: Path):
    (tmp_path / FILE_NAME).write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreError, match="damaged"):
        store.open()
    await store.close()


async def test_a_newer_schema_is_refused(tmp_path: Path):
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreError, match="newer"):
        store.open()
    await store.close()


async def test_orders_saved_by_many_at_once_are_all_saved(store: SqliteStore):
    commands = [
        IssuedCommand(f"{n:026d}", "larry", Verb.HEALTH_CHECK, Priority.NORMAL, 60, NOON)
        for n in range(300)
    ]
    await asyncio.gather(*(store.save_commands([command]) for command in commands * 3))
    assert len(await store.commands(agent=None, since=0, limit=1000)) == 300


async def test_the_carrying_broadcast_of_an_order_is_kept(store: SqliteStore):
    command = IssuedCommand(
        "01JZ", "larry", Verb.HEALTH_CHECK, Priority.HIGH, 60, NOON, "cli", broadcast="01JB"
    )
    await store.save_commands([command])
    ended = command.replied(Result.DONE, None, 0.5, NOON + 1)
    await store.save_commands([ended])
    assert await store.commands(agent="larry", since=0, limit=10) == [ended]
