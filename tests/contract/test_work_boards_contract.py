"""What every store promises of contexts, boards, blobs and who may read them; see
`fleet.store.work_port`."""

from __future__ import annotations

import asyncio

import pytest

from fleet.contract.work_vocabulary import BoardSection, MediaType, TaskState
from fleet.domain.work import limits
from fleet.domain.work.errors import (
    InvalidTaskError,
    TooManyError,
    UnknownContextError,
    UnknownEntryError,
    VersionConflictError,
)
from fleet.domain.work.limits import KEPT_BLOB
from fleet.domain.work.task import DAY, LEASE, Descriptor
from fleet.store.port import Store
from fleet.store.work_port import WorkStore
from fleet.store.work_records import Entry, Read
from tests.support.stores import Place, finish_upkeep
from tests.support.telemetry import NOON
from tests.support.work import (
    CONTEXT,
    ELSEWHERE,
    QUOTA,
    asked,
    blob,
    claimed,
    ended,
    keep,
    submitted,
)

FINDINGS = BoardSection.FINDINGS
LATER = NOON + KEPT_BLOB


def entry(name: str, what: Descriptor, section: BoardSection = FINDINGS) -> Entry:
    return Entry(CONTEXT, section, name, 0, what, "agent:larry", "", NOON)


# Boards


async def test_every_version_on_a_board_is_kept(place: Place, store: Store) -> None:
    one, two = blob("one"), Descriptor(blob("two").digest, 3, MediaType.MARKDOWN)
    await keep(store.work, one, two)
    for what in (one, two):
        await store.work.put_entry(entry("report.md", what))
    await store.work.put_entry(entry("a", one))
    await store.work.put_entry(entry("z", one, BoardSection.FINAL))
    again = place.after_a_crash().store()
    again.open()
    board = await again.work.board(CONTEXT)
    found = [(e.section, e.name, e.version) for e in board]
    final = BoardSection.FINAL
    assert found == [(final, "z", 1), (FINDINGS, "a", 1), (FINDINGS, "report.md", 2)]
    versions = await again.work.versions(CONTEXT, FINDINGS, "report.md")
    assert [(e.version, e.descriptor) for e in versions] == [(1, one), (2, two)]
    assert versions[0].author == "agent:larry"
    await again.close()


async def test_who_writes_over_what_it_did_not_read_is_told(work: WorkStore) -> None:
    await keep(work, blob("x"))
    await work.put_entry(entry("plan", blob("x")), expected=0)
    for wrong in (0, 2):
        with pytest.raises(VersionConflictError, match="it is at 1"):
            await work.put_entry(entry("plan", blob("x")), expected=wrong)
    calls = (work.put_entry(entry("plan", blob("x")), expected=1) for _ in range(9))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, Entry) for answer in answers) == 1
    assert len(await work.versions(CONTEXT, FINDINGS, "plan")) == 2


async def test_a_board_shows_only_what_was_stored_for_it_and_is_bounded(
    work: WorkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fleet.store.work import board_calls

    await keep(work, blob("theirs"), context=ELSEWHERE)
    with pytest.raises(UnknownContextError):
        await work.put_entry(entry("x", blob("theirs")))
    await keep(work, blob("x"))
    with pytest.raises(InvalidTaskError, match="not stored"):
        await work.put_entry(entry("x", blob("theirs")))
    with pytest.raises(InvalidTaskError, match="has 1 bytes"):
        await work.put_entry(entry("x", Descriptor(blob("x").digest, 2)))
    with pytest.raises(UnknownEntryError):
        await work.versions(CONTEXT, FINDINGS, "x")
    monkeypatch.setattr(board_calls, "MAX_BOARD_VERSIONS", 2)
    for _ in range(2):
        await work.put_entry(entry("x", blob("x")))
    with pytest.raises(TooManyError, match="2 versions"):
        await work.put_entry(entry("y", blob("x")))


# Who may read


async def reads(work: WorkStore, agent: str, what: Descriptor, now: float = NOON) -> bool:
    return await work.may_read(agent, "lab", what.digest, now)


async def test_to_know_a_digest_is_no_right_to_it(work: WorkStore) -> None:
    secret = blob("secret")
    await keep(work, secret)
    await submitted(work, 1, input=(secret,), to="larry")
    assert await reads(work, "boss", secret), "a member: it submitted here"
    for agent in ("larry", "moe", "agent:boss", ""):
        assert not await reads(work, agent, secret)
    assert not await work.may_read("boss", "office", secret.digest, NOON), "it moved away"
    assert not await work.may_use_board("moe", "lab", CONTEXT, NOON)
    assert not await work.may_use_board("boss", "office", CONTEXT, NOON)


async def test_to_name_a_digest_in_a_task_to_oneself_opens_nothing(work: WorkStore) -> None:
    secret = blob("secret")
    await keep(work, secret)
    with pytest.raises(InvalidTaskError, match="not stored"):
        await submitted(
            work, 1, input=(secret,), by="agent:eve", to="eve", group="office", context=ELSEWHERE
        )
    await submitted(work, 2, by="agent:eve", to="eve", group="office", context=ELSEWHERE)
    task = await claimed(work, "eve", group="office")
    with pytest.raises(InvalidTaskError, match="not stored"):
        await ended(work, task, TaskState.COMPLETED, secret)
    assert not await work.may_read("eve", "office", secret.digest, NOON)


async def test_a_lease_is_a_grant_as_long_as_it_holds(work: WorkStore) -> None:
    given, shown, other = blob("given"), blob("shown"), blob("other")
    await keep(work, given, shown, other)
    await submitted(work, 1, input=(given,))
    await submitted(work, 2, input=(other,), to="moe")
    await work.put_entry(entry("note", shown))
    task = await claimed(work)
    for now, allowed in ((NOON + LEASE - 1, True), (NOON + LEASE, False)):
        assert await reads(work, "larry", given, now) is allowed
        assert await reads(work, "larry", shown, now) is allowed
        assert await work.may_use_board("larry", "lab", CONTEXT, now) is allowed
    assert not await reads(work, "larry", other), "another task's, of the same context"
    await ended(work, task)
    assert not await reads(work, "larry", given)
    assert not await work.may_use_board("larry", "lab", CONTEXT, NOON)


async def test_who_comes_after_reads_what_came_first_made(work: WorkStore) -> None:
    made, given = blob("made"), blob("given")
    await keep(work, made, given)
    first = await submitted(work, 1, input=(given,))
    await submitted(work, 2, after=(first.id,))
    await ended(work, await claimed(work, "moe"), TaskState.COMPLETED, made)
    await claimed(work)
    assert await reads(work, "larry", made)
    assert not await reads(work, "larry", given), "that was for the first one"


async def test_a_submitter_reads_what_was_made_for_it_behind_the_wall(work: WorkStore) -> None:
    made = blob("made")
    fields = {"group": "office", "context": ELSEWHERE, "state": TaskState.AUTH_REQUIRED}
    task = await submitted(work, 1, **fields)
    await work.approve(task.id, True, NOON)
    await keep(work, made, blob("theirs"), context=ELSEWHERE)
    await ended(work, await claimed(work, "ann", group="office"), TaskState.COMPLETED, made)
    assert await reads(work, "boss", made)
    assert not await reads(work, "boss", blob("theirs"))
    assert not await work.may_use_board("boss", "lab", ELSEWHERE, NOON)


async def test_a_grant_ends_and_grants_are_bounded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fleet.store.work import board_calls

    await keep(store.work, blob("x"))
    await store.work.grant("moe", [blob("x").digest, CONTEXT], NOON + 60, NOON)
    assert await reads(store.work, "moe", blob("x"), NOON + 59)
    assert await store.work.may_use_board("moe", "lab", CONTEXT, NOON + 59)
    assert not await reads(store.work, "larry", blob("x"))
    assert not await reads(store.work, "moe", blob("x"), NOON + 60)
    monkeypatch.setattr(board_calls, "MAX_GRANTS", 3)
    with pytest.raises(TooManyError, match="3 grants"):
        await store.work.grant("moe", ["a", "b"], NOON + 60, NOON)
    await store.work.grant("moe", ["a", "b"], NOON + 90, NOON + 60)
    await finish_upkeep(store, NOON + 70)
    assert await store.work.may_read("moe", "lab", "a", NOON + 70)


async def test_who_read_what_is_remembered_for_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fleet.store.work import in_memory, sql_forgetting

    log = [Read(NOON + n, f"agent:{n}", blob("x").digest) for n in range(5)]
    await store.work.log_reads(log)
    assert await store.work.reads(since=NOON + 2, limit=2) == log[2:4]
    for module in (in_memory, sql_forgetting):
        monkeypatch.setattr(module, "MAX_READS", 3)
    await finish_upkeep(store, NOON)
    assert await store.work.reads() == log[2:]
    await finish_upkeep(store, NOON + 3 + 90 * DAY)
    assert await store.work.reads() == log[4:]


# Blobs


async def test_a_blob_counts_against_its_group_once_and_in_blocks(work: WorkStore) -> None:
    large = Descriptor(blob("large").digest, 10_000)
    await keep(work, large)
    await keep(work, large)
    assert await work.blob_bytes("lab") == 12_288
    await work.open_context("01JQ000000000000000000C003", "lab", NOON)
    await work.add_blob("01JQ000000000000000000C003", large.digest, 10_000, QUOTA, NOON)
    assert await work.blob_bytes("lab") == 12_288 + 4_096
    assert await work.blob_bytes("office") == 0
    await keep(work, large, context=ELSEWHERE)
    assert await work.blob_bytes("office") == 12_288
    assert await work.blob_size(large.digest) == 10_000
    assert await work.blob_size(large.digest, "01JQ000000000000000000C004") is None


async def test_beyond_its_quota_a_group_stores_nothing(work: WorkStore) -> None:
    await keep(work, blob("x"))
    with pytest.raises(TooManyError):
        await work.add_blob(CONTEXT, blob("y").digest, 1, 8191, NOON)
    assert await work.blob_size(blob("y").digest) is None
    await work.add_blob(CONTEXT, blob("x").digest, 1, 4096, NOON)  # known: nothing more
    with pytest.raises(UnknownContextError):
        await work.add_blob(ELSEWHERE, blob("y").digest, 1, QUOTA, NOON)


async def test_what_nothing_refers_to_goes_after_a_week_and_nothing_else(work: WorkStore) -> None:
    loose, given, made, shown = blob("loose"), blob("given"), blob("made"), blob("shown")
    await keep(work, loose, given, made, shown)
    await submitted(work, 1, input=(given,))
    await ended(work, await claimed(work), TaskState.COMPLETED, made)
    await work.put_entry(entry("note", shown))
    await work.put_entry(entry("note", given))
    assert await work.forget_blobs(LATER - 1) == []
    assert await work.forget_blobs(LATER) == [loose.digest]
    assert await work.blob_size(loose.digest) is None
    assert await work.blob_bytes("lab") == 3 * 4096
    assert await work.forget_blobs(LATER) == []
    for one in (given, made, shown):
        assert await work.blob_size(one.digest, CONTEXT) == one.size


async def test_a_blob_goes_when_the_last_group_that_has_it_lets_go(work: WorkStore) -> None:
    await keep(work, blob("x"))
    await keep(work, blob("x"), context=ELSEWHERE, now=NOON + 60)
    assert await work.forget_blobs(LATER) == []
    assert (await work.blob_bytes("lab"), await work.blob_bytes("office")) == (0, 4096)
    await keep(work, blob("x"), context=ELSEWHERE, now=NOON + 90)  # uploaded again
    assert await work.forget_blobs(LATER + 60) == []
    assert await work.forget_blobs(LATER + 90) == [blob("x").digest]


async def test_collecting_is_bounded_and_goes_on(work: WorkStore) -> None:
    await keep(work, *(blob(str(n)) for n in range(5)))
    found = [len(await work.forget_blobs(LATER, limit=2)) for _ in range(4)]
    assert found == [2, 2, 1, 0]


async def test_blobs_of_a_context_that_went_are_collected(store: Store) -> None:
    await keep(store.work, blob("x"))
    await submitted(store.work, 1, input=(blob("x"),))
    task = (await ended(store.work, await claimed(store.work))).task
    await store.work.acknowledge("agent:boss", [task.id], NOON)
    assert await store.work.forget_blobs(LATER) == []
    late = NOON + limits.KEPT_TOLD + 1
    await finish_upkeep(store, late)
    assert await store.work.forget_blobs(late) == [blob("x").digest]
    assert await store.work.blob_bytes("lab") == 0


async def test_contexts_are_opened_once_and_go_if_nobody_uses_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fleet.store.work import board_calls

    first = await store.work.open_context(CONTEXT, "lab", NOON)
    assert await store.work.open_context(CONTEXT, "lab", NOON + 9) == first
    with pytest.raises(UnknownContextError):
        await store.work.open_context(CONTEXT, "office", NOON)
    monkeypatch.setattr(board_calls, "MAX_KEPT", 1)
    with pytest.raises(TooManyError):
        await store.work.open_context(ELSEWHERE, "lab", NOON)
    await finish_upkeep(store, LATER)
    with pytest.raises(UnknownContextError):
        await store.work.context(CONTEXT)
    await store.work.open_context(ELSEWHERE, "lab", NOON)


async def test_what_an_agent_has_sent_it_may_name_to_another_group(work: WorkStore) -> None:
    sent = blob("sent")
    await keep(work, sent)
    asks = asked(
        1, group="office", context=ELSEWHERE, by="agent:moe", input=(sent,),
        state=TaskState.AUTH_REQUIRED,
    )  # fmt: skip
    with pytest.raises(InvalidTaskError, match="not stored"):
        await work.submit(asks, NOON)
    await work.grant("moe", [sent.digest], NOON + 60, NOON)
    with pytest.raises(InvalidTaskError, match="not stored"):
        await work.submit(asks, NOON + 61)
    assert (await work.submit(asks, NOON + 1))[0].state is TaskState.AUTH_REQUIRED
