"""What the hub does by itself for work: those who left are seen off."""

from __future__ import annotations

from pathlib import Path

from fleet.contract.work_vocabulary import TaskState
from fleet.pending_departures import Departure, PendingDepartures
from fleet.provisioning.registry import Enrolled, Registry
from fleet.store.in_memory import InMemoryStore
from fleet.store.records import Batch
from fleet.work.service import WorkService
from tests.support.telemetry import NOON
from tests.support.work import submitted, task_id


async def test_who_was_renamed_while_no_hub_served_is_seen_off_after_its_rename(
    tmp_path: Path,
) -> None:
    registry, pending, store = Registry(tmp_path), PendingDepartures(tmp_path), InMemoryStore()
    store.open()
    for name in ("larry", "moe"):
        registry.save(Enrolled(name))
    await submitted(store.work, 1, to="larry")
    await submitted(store.work, 2, to="moe")
    renamed = Departure("larry", to="lara")
    for departure in (renamed, Departure("moe")):
        pending.add(departure)
        registry.revoke(departure.agent, NOON)
    service = WorkService(store.work, tmp_path, lambda: NOON)
    await service._see_off()
    assert (await store.work.get(task_id(1))).state is TaskState.SUBMITTED
    assert (await store.work.get(task_id(2))).state is TaskState.REJECTED, "it only left"
    await store.commit(Batch(renamed=[("larry", "lara")]))
    await submitted(store.work, 3, to="larry")
    pending.remove(renamed)
    await service._see_off()
    kept, late = await store.work.get(task_id(1)), await store.work.get(task_id(3))
    assert (kept.state, kept.to) == (TaskState.SUBMITTED, "lara")
    assert late.state is TaskState.REJECTED, "of the old name nothing is left"
