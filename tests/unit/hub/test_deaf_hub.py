"""A hub that ends before it listens again: for that time the next one calls nobody silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.domain.events import Fact
from fleet.domain.verdict import Verdict
from tests.support.story_of_hubs import KILLED, STEP, Act, World, beats
from tests.support.telemetry import NOON

BOB: Act = ("hear", "bob", "heartbeat", {"ok": True}, 5, 1, 0, False)
LOST: list[Act] = [("lose", 1), ("wait", 9)]
DEAF: dict[str, list[Act]] = {
    "without a link": [*LOST, ("forget", "bob"), KILLED, KILLED],
    "its link is back": [*LOST, ("link",), KILLED],
    "its link is back, and it is stopped": [*LOST, ("link",), ("end", "stopped", 1)],
    "its link is back, and one takes over": [*LOST, ("link",), ("end", "followed", 1)],
    "its link is back and lost again": [*LOST, ("link",), ("wait", 1), *LOST, KILLED],
    "it begins after a long time and hears one": [("end", "killed", 600), BOB, KILLED],
    "it begins again and again": [("end", "stopped", 600), BOB, KILLED, BOB, KILLED],
}


@pytest.mark.parametrize("story", DEAF.values(), ids=DEAF)
async def test_a_hub_that_ends_before_it_listens_has_heard_nobody_since_one_did(
    story: list[Act], tmp_path: Path
) -> None:
    """Whatever it stored meanwhile; or the next one would call everybody stale."""
    world = World(tmp_path)
    for act in (beats(), *story, ("look",)):
        await world.play(act)
    told = [stored.event for stored in world.fleet.database.events if stored.event.agent == "ada"]
    assert {one.word for one in told if one.fact is Fact.VERDICT} == {Verdict.OK}
    assert Fact.ALERT_FIRING not in {one.fact for one in told}
    assert world.hub.roster.verdict("ada") is not Verdict.STALE
    await world.play(("wait", 3))
    await world.listen()
    assert world.hub.roster.verdict("ada") is Verdict.STALE


async def test_a_hub_that_listened_again_holds_silence_against_agents_at_the_next_one(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    for act in (beats(), *LOST, ("listen",), beats(), ("wait", 9), BOB, KILLED):
        await world.play(act)
    assert world.hub.roster.listening[0] == NOON + 19 * STEP
    assert world.hub.committer.book.firing("ada") != []
