"""What every store promises of what goes in: whole batches, crashes, a full disk.

See `fleet.store.port.Store`; what it promises of pages and of commands stands in
`test_store_pages_contract.py` and `test_store_commands_contract.py`. A new implementation adds
its place to `tests/support/stores.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from msgspec.structs import replace as changed

from fleet.contract.topics import RECORDED
from fleet.contract.vocabulary import (
    AlertState,
    MessageKind,
    Priority,
    Severity,
    Verb,
)
from fleet.domain.alert import Alert
from fleet.domain.commands import IssuedCommand
from fleet.domain.events import Event, Fact
from fleet.domain.silences import Silence
from fleet.store.port import Store, StoreError, StoreFullError
from fleet.store.records import Batch, DeadLetter, HubState, StoredEvent, StoredMessage
from tests.support.stores import ALERT, BEAT, Place, finish_upkeep, ids, stored
from tests.support.telemetry import NOON

SILENCE = Silence("s", NOON + 5, agent="larry", by="mia")
FIRING = Alert("larry", "agent-late", Severity.WARNING, AlertState.FIRING, NOON)
COMMAND = IssuedCommand("01JZ", "larry", Verb.HEALTH_CHECK, Priority.HIGH, 60, NOON, "cli")


def dead(id_: int, payload: bytes = b"") -> DeadLetter:
    return DeadLetter(id_, NOON, "x", payload, False, "not-json", "")


def batch_of_all(first: int) -> Batch:
    """Three ids from `first` on, and one of everything else."""
    event = Event(Fact.ALERT_FIRING, "larry", NOON, "agent-late", Severity.WARNING, 2.0, "x")
    return Batch(
        [stored(first)],
        [DeadLetter(first + 1, NOON, "fleet/larry/alert", b"\xff", True, "not-utf8", "")],
        [StoredEvent(first + 2, event)],
        [FIRING],
        silences=[SILENCE],
        records=[("larry", first, {"verdict": "ok"})],
        replay_from=first,
    )


async def everything(place: Place, store: Store) -> tuple[Any, ...]:
    """All that can be asked of `store`, and what a hub would begin with after a crash."""
    state, replayed = await restart(place.after_a_crash())
    return (
        (await store.history(limit=1000)).messages,
        await store.dead_letters(before=None, limit=1000),
        await store.commands(agent=None, since=0, limit=1000),
        store.dead_letters_dropped,
        state,
        replayed,
    )


async def restart(place: Place, after: int = 0) -> tuple[HubState, list[StoredMessage]]:
    """What the next hub on `place` begins with, and the messages that it may apply again."""
    store = place.store()
    state = store.open()
    replayed = list(store.replay(after))
    await store.close()
    return state, replayed


# Batches


async def test_a_new_store_is_empty(place: Place) -> None:
    assert await restart(place) == (HubState(0, 0.0, [], [], [], 0), [])


@pytest.mark.parametrize("crash", [False, True])
async def test_what_was_committed_is_there_after_a_restart(
    place: Place, store: Store, crash: bool
) -> None:
    await store.commit(batch_of_all(1))
    if crash:
        place = place.after_a_crash()
    else:
        await store.close()
    again = place.store()
    state = again.open()
    assert (state.last_id, state.last_at, state.replay_from) == (3, NOON, 1)
    assert state.records == [("larry", 1, {"verdict": "ok"})]
    assert (state.alerts, state.silences) == ([FIRING], [SILENCE])
    assert list(again.replay(0)) == [stored(1)]
    assert [
        dead_letter.payload for dead_letter in await again.dead_letters(before=None, limit=5)
    ] == [b"\xff"]
    await again.commit(batch_of_all(4))
    assert await ids(again) == [1, 4]
    await again.close()


async def test_a_batch_is_whole_or_not_at_all(store: Store) -> None:
    await store.commit(Batch([stored(1)]))
    with pytest.raises(StoreError):
        await store.commit(Batch([stored(2, "moe"), stored(1)]))
    assert await ids(store) == [1]
    await store.commit(Batch([stored(2, "moe")]))
    assert await ids(store, agent="moe") == [2]


async def test_an_empty_batch_changes_nothing(place: Place, store: Store) -> None:
    await store.commit(batch_of_all(1))
    before = await everything(place, store)
    await store.commit(Batch())
    await store.save_commands([])
    assert await everything(place, store) == before


async def test_a_commit_that_fails_changes_nothing(place: Place, store: Store) -> None:
    await store.commit(batch_of_all(1))
    before = await everything(place, store)
    wrong = batch_of_all(4)
    wrong.messages += [stored(7, "moe"), stored(1)]
    wrong.alerts = [replace(FIRING, state=AlertState.RESOLVED)]
    wrong.forgotten_alerts = [("larry", "agent-late")]
    wrong.lifted = ["s"]
    with pytest.raises(StoreError):
        await store.commit(wrong)
    assert await everything(place, store) == before


async def test_a_batch_that_cannot_be_written_leaves_nothing_behind(
    place: Place, store: Store
) -> None:
    await store.commit(batch_of_all(1))
    before = await everything(place, store)
    wrong = batch_of_all(4)
    wrong.records = [("moe", 4, {"is no JSON": object()})]
    with pytest.raises(TypeError):
        await store.commit(wrong)
    assert await everything(place, store) == before
    await store.commit(batch_of_all(4))
    assert await ids(store) == [1, 4]


async def test_a_full_disk_takes_a_batch_whole_once_there_is_room(
    place: Place, store: Store
) -> None:
    await store.commit(batch_of_all(1))
    before = await everything(place, store)
    large = batch_of_all(4)
    large.dead_letters = [dead(100 + n, b"x" * 50_000) for n in range(20)]
    commands = [changed(COMMAND, id=f"{n:026d}") for n in range(5_000)]
    with place.full(store):
        for _ in range(2):
            with pytest.raises(StoreFullError):
                await store.commit(large)
            with pytest.raises(StoreFullError):
                await store.save_commands(commands)
    assert await everything(place, store) == before
    await store.commit(large)
    assert await ids(store) == [1, 4]
    assert len(await store.dead_letters(before=None, limit=100)) == 21


async def test_a_reader_sees_whole_batches_only(store: Store) -> None:
    """Also those of agents that nobody knew before."""
    for before in range(0, 1000, 100):
        batch = Batch([stored(before + n, f"agent-{before}") for n in range(1, 101)])
        committing = asyncio.create_task(store.commit(batch))
        while not committing.done():
            assert len(await ids(store, limit=1000)) in (before, before + 100)
            await asyncio.sleep(0)
        assert len(await ids(store, limit=1000)) == before + 100


async def test_a_closed_store_takes_nothing(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.commit(Batch([stored(1)]))
    with pytest.raises(StoreError, match="closed"):
        await store.save_commands([COMMAND])
    with pytest.raises(StoreError, match="closed"):
        await store.upkeep(NOON)


# Values


async def test_a_payload_comes_back_byte_by_byte(place: Place, store: Store) -> None:
    hostile = b"\x00\xff\xfe'; DROP TABLE message; --\r\n\x00" + "\U0001f6a2ä".encode()
    message = StoredMessage(2, NOON + 0.1 + 0.2, "larry", ALERT, True, hostile)
    beat = StoredMessage(1, NOON, "larry", BEAT, False, b"")
    topic = "fleet/\u202e\U0001f6a2/käse '\""
    letter = DeadLetter(3, NOON + 1e-6, topic, hostile, True, "not-utf8", "*.checks")
    await store.commit(Batch([beat, message], [letter]))
    assert (await store.history()).messages == [beat, message]
    assert await store.dead_letters(before=None, limit=1) == [letter]
    assert (await restart(place.after_a_crash()))[1] == [beat, message]


async def test_numbers_and_words_come_back_exactly(place: Place, store: Store) -> None:
    alerts = [
        Alert("", "disk-pressure", Severity.CRITICAL, AlertState.RESOLVED, NOON + 1 / 3,
              AlertState.FIRING, 1e300, "käthe", NOON + 2 / 3),
        Alert("moe", "idle-cost", Severity.INFO, AlertState.FIRING, 0.1 + 0.2, value=-0.0),
    ]  # fmt: skip
    silences = [Silence("a", NOON + 1 / 3), Silence("b", 2.0**40, "moe", "idle-cost", "käthe")]
    state = {"n": 2**53 + 1, "x": 0.1 + 0.2, "none": None, "list": [True, "\U0001f6a2\x00"]}
    await store.commit(Batch(alerts=alerts, silences=silences, records=[("moe", 9, state)]))
    found, _ = await restart(place.after_a_crash())
    assert sorted(found.alerts, key=lambda alert: alert.agent) == alerts
    assert sorted(found.silences, key=lambda silence: silence.id) == silences
    assert found.records == [("moe", 9, state)]


async def test_ids_have_more_than_fifty_three_bits(place: Place, store: Store) -> None:
    large = 2**53
    messages = [stored(large + n) for n in range(4)]
    await store.commit(Batch(messages, [dead(large + 4), dead(large + 5)], replay_from=large + 1))
    assert await ids(store, cursor=str(large + 1)) == [large + 2, large + 3]
    assert (await store.history(limit=1)).next == str(large)
    assert [d.id for d in await store.dead_letters(before=large + 5, limit=9)] == [large + 4]
    state, replayed = await restart(place.after_a_crash(), after=large + 1)
    assert (state.last_id, state.replay_from) == (large + 5, large + 1)
    assert replayed == messages[2:]


# What a restart begins with


async def test_messages_are_replayed_in_order_above_an_id(place: Place, store: Store) -> None:
    kinds = [kind for kind in RECORDED if kind is not MessageKind.BROADCAST]
    messages = [
        stored(n, f"agent-{n % 3}", kinds[n % len(kinds)], NOON + n // 5) for n in range(1, 41)
    ]
    messages.append(stored(41, "", MessageKind.BROADCAST))
    for start in range(0, 41, 8):
        await store.commit(Batch(messages[start : start + 8]))
    await finish_upkeep(store, NOON + 7200)
    for after in (0, 17, 40, 41, 99):
        replayed = (await restart(place.after_a_crash(), after))[1]
        assert replayed == messages[after:]


async def test_the_newest_record_of_an_agent_is_what_counts(place: Place, store: Store) -> None:
    state = {"seq": 1}
    await store.commit(Batch([stored(1)], records=[("larry", 1, state)], replay_from=1))
    state["seq"] = 99  # the roster goes on
    await store.commit(Batch(records=[("moe", 2, {"seq": 7})]))
    found, _ = await restart(place.after_a_crash())
    assert sorted(found.records) == [("larry", 1, {"seq": 1}), ("moe", 2, {"seq": 7})]
    assert found.replay_from == 1, "a batch that says nothing of it leaves it"
    await store.commit(Batch(records=[("larry", 5, {"seq": 5})], replay_from=4))
    found, _ = await restart(place.after_a_crash())
    assert sorted(found.records) == [("larry", 5, {"seq": 5}), ("moe", 2, {"seq": 7})]
    assert found.replay_from == 4


async def test_until_when_a_hub_heard_is_kept_until_it_says_otherwise(
    place: Place, store: Store
) -> None:
    then = NOON + 0.25
    for number, said, kept in ((1, then, then), (2, None, then), (3, inf, inf)):
        await store.commit(Batch([stored(number)], heard_until=said))
        assert (await restart(place.after_a_crash()))[0].heard_until == kept
    await store.commit(Batch(records=[("larry", 3, {})], heard_until=-inf))
    assert (await restart(place.after_a_crash()))[0].heard_until < 1.0, "it never listened"


async def test_a_forgotten_record_does_not_come_back_with_a_restart(
    place: Place, store: Store
) -> None:
    await store.commit(Batch(records=[("larry", 1, {"seq": 1}), ("moe", 2, {"seq": 7})]))
    await store.commit(Batch(forgotten_records=["larry", "nobody"]))
    found, _ = await restart(place.after_a_crash())
    assert found.records == [("moe", 2, {"seq": 7})]


async def test_an_alert_is_replaced_by_its_key_until_it_is_forgotten(
    place: Place, store: Store
) -> None:
    other = [replace(FIRING, code="agent-down"), replace(FIRING, agent="moe")]
    await store.commit(Batch(alerts=[FIRING, *other]))
    over = replace(FIRING, state=AlertState.RESOLVED, since=NOON + 1, acknowledged_by="mia")
    await store.commit(Batch(alerts=[over]))
    found, _ = await restart(place.after_a_crash())
    assert len(found.alerts) == 3
    assert over in found.alerts
    await store.commit(Batch(forgotten_alerts=[("larry", "agent-late"), ("no", "such")]))
    found, _ = await restart(place.after_a_crash())
    assert sorted(found.alerts, key=lambda alert: alert.agent) == other


async def test_a_silence_is_replaced_by_its_id_until_it_is_lifted(
    place: Place, store: Store
) -> None:
    other = Silence("t", NOON)
    await store.commit(Batch(silences=[SILENCE, other]))
    longer = replace(SILENCE, until=NOON + 99, code="agent-late")
    await store.commit(Batch(silences=[longer]))
    found, _ = await restart(place.after_a_crash())
    assert sorted(found.silences, key=lambda silence: silence.id) == [longer, other]
    await store.commit(Batch(silences=[replace(other, id="u")], lifted=["s", "u", "none"]))
    found, _ = await restart(place.after_a_crash())
    assert found.silences == [other]
