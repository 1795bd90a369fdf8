"""What every store promises of agents that leave or get another name: see `Batch`."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.contract.vocabulary import MessageKind, Priority, Verb
from fleet.domain.commands import IssuedCommand
from fleet.domain.events import Event, Fact
from fleet.store.port import Store
from fleet.store.records import HOUR, Batch, DeadLetter, Erasure, StoredEvent
from tests.support.stores import ALERT, BEAT, STATUS, Place, finish_upkeep, ids, stored
from tests.support.telemetry import NOON

KINDS = (BEAT, STATUS, ALERT)
TOPIC = "fleet/larry/alert"


def beat(id_: int, agent: str, at: float, load: float) -> Any:
    payload = f'{{"ok":true,"ts":"2027-01-15T08:00:00Z","metrics":{{"load":{load}}}}}'
    return stored(id_, agent, at=at)._replace(payload=payload.encode())


async def lived(store: Store, *, indexed: bool) -> None:
    """Larry and moe, each with messages of every kind in two hours, events, commands, dead
    letters; the last id is 99."""
    messages = [
        stored(n, ("larry", "moe")[n % 2], KINDS[n % 3], NOON + n * HOUR / 20) for n in range(1, 31)
    ]
    await store.commit(Batch(messages))
    if indexed:
        await finish_upkeep(store, NOON + HOUR)
    for n, agent in ((90, "larry"), (91, "moe")):
        event = StoredEvent(n, Event(Fact.BIRTH, agent, NOON))
        letter = DeadLetter(n + 2, NOON, f"fleet/{agent}/alert", b"x", False, "not-json", "")
        await store.commit(Batch(dead_letters=[letter], events=[event]))
        command = IssuedCommand(f"01J{n}", agent, Verb.HEALTH_CHECK, Priority.HIGH, 60, NOON, "cli")
        await store.save_commands([command])
    await store.commit(Batch([stored(99, "larry", at=NOON + 2 * HOUR)]))


async def agents_of(store: Store, kind: MessageKind | None = None) -> set[str]:
    return {message.agent for message in (await store.history(kind=kind, limit=1000)).messages}


@pytest.mark.parametrize("indexed", [False, True])
async def test_an_erased_history_is_gone_and_nobody_elses(store: Store, indexed: bool) -> None:
    await lived(store, indexed=indexed)
    others = await ids(store, agent="moe", limit=1000)
    await store.commit(Batch(erased=[Erasure("larry", 99, (TOPIC,))]))
    for _ in range(2):
        assert await agents_of(store) == {"moe"}
        for kind in KINDS:
            assert await agents_of(store, kind) == {"moe"}
            assert await ids(store, agent="larry", kind=kind) == []
        assert await ids(store, agent="moe", limit=1000) == others
        await finish_upkeep(store, NOON + 10 * HOUR)  # and again with all indexed and summed up
    assert {one.agent for one in (await store.rollups()).rollups} == {"moe"}
    assert [c.agent for c in await store.commands(agent=None, since=0, limit=10)] == ["moe"]
    letters = await store.dead_letters(before=None, limit=10)
    assert [letter.topic for letter in letters] == ["fleet/moe/alert"]


async def test_an_erased_history_does_not_come_back_and_ids_go_on(
    place: Place, store: Store
) -> None:
    await lived(store, indexed=True)
    await store.commit(Batch(erased=[Erasure("larry", 120)]))
    again = place.after_a_crash().store()
    state = again.open()
    assert state.last_id == 120
    assert {message.agent for message in again.replay(0)} == {"moe"}
    await again.close()
    await store.commit(Batch([stored(121, "larry", at=NOON + 3 * HOUR)]))
    assert await ids(store, agent="larry") == [121]


async def test_what_came_after_an_erasure_stays_though_it_lined_up_with_it(store: Store) -> None:
    await lived(store, indexed=False)
    later = Batch([stored(101, "larry", at=NOON + 3 * HOUR)])
    await store.commit(Batch.joined([Batch(erased=[Erasure("larry", 100)]), later]))
    assert await ids(store, agent="larry") == [101]


@pytest.mark.parametrize("indexed", [False, True])
async def test_a_renamed_agent_has_its_whole_history_under_its_new_name(
    place: Place, store: Store, indexed: bool
) -> None:
    await lived(store, indexed=indexed)
    before = await ids(store, agent="larry", limit=1000)
    await store.commit(Batch(renamed=[("larry", "curly")]))
    await store.commit(Batch([stored(130, "curly", at=NOON + 3 * HOUR)]))
    await finish_upkeep(store, NOON + 10 * HOUR)
    assert await ids(store, agent="curly", limit=1000) == [*before, 130]
    assert await ids(store, agent="larry") == []
    assert {one.agent for one in (await store.rollups()).rollups} == {"curly", "moe"}
    commands = await store.commands(agent=None, since=0, limit=10)
    assert [command.agent for command in commands] == ["curly", "moe"]
    again = place.after_a_crash().store()
    again.open()
    assert {message.agent for message in again.replay(0)} == {"curly", "moe"}
    await again.close()


@pytest.mark.parametrize("indexed", [False, True])
async def test_a_name_that_was_heard_already_joins_the_history_of_the_old_one(
    store: Store, indexed: bool
) -> None:
    await lived(store, indexed=indexed)
    mine = await ids(store, agent="larry", limit=1000)
    its = await ids(store, agent="moe", limit=1000)
    statuses = len(await ids(store, kind=STATUS, limit=1000))
    await store.commit(Batch([stored(130, "moe", at=NOON + 3 * HOUR)], renamed=[("larry", "moe")]))
    for _ in range(2):
        assert await ids(store, agent="moe", limit=1000) == sorted([*mine, *its, 130])
        assert await agents_of(store) == {"moe"}
        assert len(await ids(store, agent="moe", kind=STATUS, limit=1000)) == statuses
        await finish_upkeep(store, NOON + 10 * HOUR)
    await store.commit(Batch([stored(140, "larry", at=NOON + 4 * HOUR)]))
    await store.commit(Batch([stored(141, "joe", at=NOON + 4 * HOUR)]))
    assert (await ids(store, agent="larry"), await ids(store, agent="joe")) == ([140], [141])


async def test_the_hours_of_both_names_are_one_and_counted_once(store: Store) -> None:
    await store.commit(Batch([beat(1, "larry", NOON, 4), beat(2, "larry", NOON + 1, 2)]))
    await store.commit(Batch([beat(3, "moe", NOON + 2, 9), beat(4, "moe", NOON + HOUR, 5)]))
    await finish_upkeep(store, NOON + 3 * HOUR)
    await store.commit(Batch(renamed=[("larry", "moe")]))
    found = (await store.rollups(agent="moe")).rollups
    assert [(one.hour - NOON, one.beats, one.metrics["load"]) for one in found] == [
        (0, 3, [2, 9, 9]),
        (HOUR, 1, [5, 5, 5]),
    ]
    assert (await store.rollups(agent="larry")).rollups == []


async def test_to_erase_or_rename_who_never_was_changes_nothing(store: Store) -> None:
    await lived(store, indexed=True)
    before = (await store.history(limit=1000)).messages
    await store.commit(Batch(erased=[Erasure("nobody", 5)], renamed=[("no-one", "somebody")]))
    assert (await store.history(limit=1000)).messages == before
