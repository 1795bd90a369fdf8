"""The hub notes when it listens, for whoever asks later what it may not have heard."""

from __future__ import annotations

from fleet.hub.store_upkeep import StoreUpkeep
from tests.support.intake import Intake


async def test_it_is_noted_only_while_there_is_a_link_and_not_at_every_step(intake: Intake) -> None:
    committer = intake.committer
    upkeep = StoreUpkeep(committer, intake.ingest)
    committer.counters.link_up = False
    await upkeep.mark()
    assert await committer.store.timelines.listened() == []
    committer.counters.link_up = True
    await upkeep.mark()
    [(began, ended)] = await committer.store.timelines.listened()
    assert began == ended
    await upkeep.mark()
    assert await committer.store.timelines.listened() == [(began, ended)]
