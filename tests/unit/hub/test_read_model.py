"""A view is of the moment it is asked for, the alert book of the last tick: they agree all the
same."""

from __future__ import annotations

from fleet.domain.verdict import Verdict
from fleet.hub.read_model import ReadModel
from tests.support.intake import Intake, beat
from tests.support.telemetry import NOON
from tests.support.waiting import eventually


async def test_who_became_stale_since_the_last_tick_is_not_late_as_well(intake: Intake) -> None:
    intake.bus.deliver(beat(interval=10))
    await eventually(lambda: len(intake.bus.acked) == 1)
    intake.roster.resume_listening(NOON)
    await intake.committer.write(intake.roster.tick(NOON + 20))
    model = ReadModel(intake.committer)
    assert model.view("larry", NOON + 20).alerts == ("agent-late",)
    assert model.view("larry", NOON + 60).state is Verdict.STALE
    assert model.view("larry", NOON + 60).alerts == ("agent-stale",)
    await intake.committer.write(intake.roster.tick(NOON + 60))
    assert model.view("larry", NOON + 60).alerts == ("agent-stale",)
