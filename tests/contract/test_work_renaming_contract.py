"""What every store promises of the work of an agent that gets another name: see `Batch.renamed`."""

from __future__ import annotations

import pytest

from fleet.contract.work_vocabulary import BoardSection, TaskState
from fleet.domain.work.errors import ConflictError
from fleet.domain.work.task import LEASE
from fleet.store.port import Store
from fleet.store.records import Batch
from fleet.store.work_records import Entry, Read
from tests.support.telemetry import NOON
from tests.support.work import CONTEXT, asked, blob, claimed, ended, keep, submitted, task_id

MADE = blob("what was made")


async def renamed(store: Store) -> None:
    await store.commit(Batch(renamed=[("larry", "lara")]))


async def test_what_waits_for_an_agent_goes_with_its_name(store: Store) -> None:
    await submitted(store.work, 1, to="larry")
    await submitted(store.work, 2, to="moe")
    await renamed(store)
    assert await store.work.claim("larry", "lab", ["research"], NOON) is None
    mine = await claimed(store.work, "lara")
    assert (mine.id, mine.to) == (task_id(1), "lara")
    assert (await store.work.get(task_id(2))).to == "moe"


async def test_what_it_works_at_goes_on_under_the_new_name_and_the_same_epoch(store: Store) -> None:
    work = store.work
    await keep(work, MADE)
    await submitted(work, 1)
    old = await claimed(work)
    await renamed(store)
    assert await work.may_use_board("lara", "lab", CONTEXT, NOON + 1)
    assert not await work.may_use_board("larry", "lab", CONTEXT, NOON + 1)
    await work.renew(old.id, "lara", old.epoch, 50, NOON + 20)
    done = await work.finish(
        old.id, "lara", old.epoch, TaskState.COMPLETED, (MADE,), None, NOON + 30
    )
    assert done.task.state is TaskState.COMPLETED
    assert [t.id for t in (await work.tasks(agent="lara")).tasks] == [old.id]
    assert (await work.tasks(agent="larry")).tasks == []


async def test_a_lease_that_ran_out_before_is_still_its_own(store: Store) -> None:
    await submitted(store.work, 1)
    old = await claimed(store.work)
    await store.work.expire(NOON + LEASE)
    await renamed(store)
    late = NOON + 2 * LEASE
    again = await store.work.renew(old.id, "lara", old.epoch, 50, late, result=True)
    assert again.state is TaskState.WORKING


async def test_what_it_submitted_is_its_own_sent_again_it_is_the_same(store: Store) -> None:
    work = store.work
    await keep(work, MADE)
    await submitted(work, 1, by="agent:larry")
    await renamed(store)
    known, new = await work.submit(asked(1, by="agent:lara"), NOON + 1)
    assert (known.by, new) == ("agent:lara", False)
    with pytest.raises(ConflictError):
        await work.submit(asked(1, by="agent:larry"), NOON + 1)
    await ended(work, await claimed(work, "moe"), TaskState.COMPLETED, MADE)
    assert [task.id for task in await work.untold("agent:lara")] == [task_id(1)]
    assert await work.may_read("lara", "lab", MADE.digest, NOON + 500)
    assert await work.may_use_board("lara", "lab", CONTEXT, NOON + 500), "it is a member still"
    assert not await work.may_use_board("larry", "lab", CONTEXT, NOON + 500)


async def test_an_end_that_nobody_has_heard_of_waits_for_the_new_name(store: Store) -> None:
    await submitted(store.work, 1, by="agent:larry")
    await ended(store.work, await claimed(store.work, "moe"))
    await renamed(store)
    assert [task.by for task in await store.work.untold("agent:lara")] == ["agent:lara"]
    assert await store.work.untold("agent:larry") == []


async def test_boards_grants_and_the_log_of_reads_go_with_it(store: Store) -> None:
    work = store.work
    await keep(work, MADE)
    entry = Entry(CONTEXT, BoardSection.FINDINGS, "a.md", 0, MADE, "agent:larry", "", NOON)
    await work.put_entry(entry)
    await work.grant("larry", [MADE.digest, CONTEXT], NOON + 900, NOON)
    await work.grant("lara", [CONTEXT], NOON + 100, NOON)
    await work.log_reads([Read(NOON, "agent:larry", MADE.digest)])
    await renamed(store)
    assert [one.author for one in await work.board(CONTEXT)] == ["agent:lara"]
    assert await work.may_read("lara", "lab", MADE.digest, NOON + 800)
    assert await work.may_use_board("lara", "lab", CONTEXT, NOON + 800), "until the later time"
    assert not await work.may_read("larry", "lab", MADE.digest, NOON + 800)
    assert [read.reader for read in await work.reads()] == ["agent:lara"]


async def test_who_follows_changes_hears_of_the_new_name(store: Store) -> None:
    await submitted(store.work, 1, to="larry")
    before = await store.work.changes()
    await renamed(store)
    after = await store.work.changes(cursor=before.next)
    assert [task.to for task in after.tasks] == ["lara"]
    again = await store.work.agent_gone("larry", NOON + 5)
    assert again == [], "the old name is revoked next: nothing of it ends"
