"""What every store promises of results that come after their lease; see `fleet.store.work_port`."""

from __future__ import annotations

import pytest

from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.errors import StaleEpochError
from fleet.domain.work.task import LEASE
from fleet.store.work_port import WorkStore
from tests.support.telemetry import NOON
from tests.support.work import blob, claimed, ended, keep, submitted

WORKING, COMPLETED = TaskState.WORKING, TaskState.COMPLETED


@pytest.mark.parametrize("renewed_first", [True, False])
async def test_a_result_that_comes_after_its_lease_counts_once_if_nobody_has_claimed_the_task(
    work: WorkStore, renewed_first: bool
) -> None:
    made = blob("what was made")
    await keep(work, made)
    await submitted(work, 1)
    old, late = await claimed(work), NOON + 10 * LEASE
    await work.expire(NOON + LEASE)
    assert not await work.may_use_board("larry", "lab", old.context, late)
    if renewed_first:
        again = await work.renew(old.id, "larry", old.epoch, 90, late, result=True)
        assert (again.state, again.attempt, again.lease_until) == (WORKING, 1, late + LEASE)
        assert await work.claim("moe", "lab", ["research"], late) is None
        assert await work.may_use_board("larry", "lab", old.context, late), "to bring the rest"
    done = (await ended(work, old, COMPLETED, made, now=late + 1)).task
    assert (done.state, done.output) == (COMPLETED, (made,))
    assert (await ended(work, old, COMPLETED, made, now=late + 2)).task == done, "said twice"
    assert await work.claim("moe", "lab", ["research"], late + 3) is None
    counts = await work.counts(late)
    assert (counts.attempts, counts.expiries, counts.ended) == (1, 1, {COMPLETED: 1})


async def test_a_worker_that_lives_is_not_given_a_lease_back_that_ran_out(work: WorkStore) -> None:
    await submitted(work, 1)
    old, late = await claimed(work), NOON + 10 * LEASE
    await work.expire(NOON + LEASE)
    with pytest.raises(StaleEpochError):
        await work.renew(old.id, "larry", old.epoch, 50, late)
    assert (await claimed(work, "moe", late)).holder == "moe"


async def test_a_result_that_comes_after_another_has_claimed_is_refused(work: WorkStore) -> None:
    await submitted(work, 1)
    old = await claimed(work)
    await work.expire(NOON + LEASE)
    new = await claimed(work, "larry", NOON + LEASE + 10)
    with pytest.raises(StaleEpochError):
        await ended(work, old)
    assert await work.get(new.id) == new
