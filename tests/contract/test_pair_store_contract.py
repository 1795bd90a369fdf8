"""What every store promises of pairs. See `fleet.store.pairs`."""

from __future__ import annotations

from dataclasses import replace

from fleet.domain.failover.pair import Cause, Pair, Phase
from fleet.store.port import Store
from tests.support.stores import Place

PAIR = Pair("bots", "ada", "bob", auto=True, epoch=7, since=5.25, failed_over=4.5)


async def test_a_pair_is_kept_as_it_is_over_a_restart(place: Place) -> None:
    store: Store = place.store()
    store.open()
    assert await store.pairs.all() == []
    await store.pairs.save(PAIR)
    changed = replace(PAIR, phase=Phase.MANUAL, cause=Cause.TOO_SOON, epoch=8, removed=True)
    await store.pairs.save(changed)
    await store.pairs.save(replace(PAIR, name="a"), replace(PAIR, name="b"))
    await store.close()

    again: Store = place.store()
    again.open()
    try:
        assert await again.pairs.all() == [
            replace(PAIR, name="a"),
            replace(PAIR, name="b"),
            changed,
        ]
        await again.pairs.remove("bots")
        await again.pairs.remove("nobody")
        assert [pair.name for pair in await again.pairs.all()] == ["a", "b"]
    finally:
        await again.close()
