"""Two sidecars with one credential, told by sessions that live again."""

from __future__ import annotations

from collections import Counter

from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.events import Fact
from fleet.domain.record_json import from_json, to_json
from fleet.domain.twins import HOLD, RETURNS
from fleet.hub.committer import UNSTORED
from tests.support.telemetry import NOON, Story, beat, status, words

CODE = HubAlertCode.CREDENTIAL_USED_TWICE
FIRST, SECOND = 1_000, 2_000


class Twins:
    """Two sessions of one agent that push each other out every `pause` seconds."""

    def __init__(self, pause: float = 2.0) -> None:
        self.story = Story()
        self.now = NOON
        self.seq = Counter({FIRST: 0, SECOND: 0})
        self.pause = pause

    def turn(self, boot: int) -> None:
        """The broker sends the will of the one that loses its place; the other says its birth and
        a heartbeat."""
        loser = SECOND if boot == FIRST else FIRST
        if self.seq[loser]:
            will = status("offline", self.now - self.pause, boot=loser)
            self.story.hears(will, at=self.now)
        for message in (
            status("running", self.now, boot=boot, seq=self.seq[boot]),
            beat(self.now + 0.1, boot=boot, seq=self.seq[boot] + 1),
        ):
            self.story.hears(message, at=self.now + 0.1)
        self.seq[boot] += 2
        self.now += self.pause

    def fight(self, turns: int) -> None:
        for number in range(turns):
            self.turn(SECOND if number % 2 else FIRST)


def test_sessions_that_take_turns_are_one_alert() -> None:
    twins = Twins()
    twins.fight(2 + RETURNS - 1)
    assert CODE not in words(twins.story.events, Fact.ALERT_FIRING)
    twins.fight(20)
    assert words(twins.story.events, Fact.ALERT_FIRING).count(CODE) == 1


def test_a_thousand_turns_store_no_more_than_a_few() -> None:
    twins = Twins(pause=0.3)
    twins.fight(10)
    before = [event for event in twins.story.events if event.fact not in UNSTORED]
    twins.fight(1000)
    after = [event for event in twins.story.events if event.fact not in UNSTORED]
    assert len(before) < 60
    assert after == before
    assert twins.story.state(twins.now) == "ok"


def test_while_two_take_turns_silence_is_believed_and_no_will() -> None:
    twins = Twins()
    twins.fight(12)
    twins.story.hears(status("offline", twins.now, boot=SECOND), at=twins.now)
    assert twins.story.state(twins.now) == "ok"
    twins.story.waits(twins.now + 300)
    assert twins.story.state(twins.now + 300) == "stale"


def test_it_ends_when_nobody_returned_for_long() -> None:
    twins = Twins()
    twins.fight(12)
    last = twins.now
    for second in range(0, int(HOLD) + 60, 5):
        seq = twins.seq[SECOND] + second
        twins.story.hears(beat(last + second, boot=SECOND, seq=seq), at=last + second)
        twins.story.waits(last + second)
    assert words(twins.story.events, Fact.ALERT_RESOLVED).count(CODE) == 1


def test_a_sidecar_that_is_started_again_and_again_is_no_twin() -> None:
    story = Story()
    for number in range(50):
        at = NOON + 3 * number
        boot = FIRST + number
        story.hears(status("running", at, boot=boot, seq=0), at=at)
        story.hears(beat(at + 1, boot=boot, seq=1), at=at + 1)
    assert CODE not in words(story.events, Fact.ALERT_FIRING)


def test_an_outbox_that_is_sent_again_after_a_clock_was_set_back_is_no_twin() -> None:
    """Its rows are later than all that the new session said, but heartbeats are not among them."""
    story = Story()
    story.hears(beat(NOON, boot=FIRST, seq=0), at=NOON)
    for number in range(10):
        at = NOON + 10 + number
        story.hears(beat(NOON - 3600 + number, boot=SECOND, seq=number), at=at)
        old = status("degraded", NOON + number, boot=FIRST, seq=1 + number)
        story.hears(old, at=at)
    assert CODE not in words(story.events, Fact.ALERT_FIRING)


def test_old_heartbeats_that_come_again_are_no_twin() -> None:
    story = Story()
    story.hears(beat(NOON, boot=FIRST, seq=0), at=NOON)
    story.hears(beat(NOON + 1, boot=SECOND, seq=0), at=NOON + 1)
    for number in range(10):
        at = NOON + 1000 * (number + 1)  # the live session is overdue by then
        story.hears(beat(NOON, boot=FIRST, seq=0), at=at)
        story.hears(beat(NOON + 1, boot=SECOND, seq=0), at=at + 1)
    assert CODE not in words(story.events, Fact.ALERT_FIRING)


def test_a_restart_of_the_hub_remembers_it() -> None:
    twins = Twins()
    twins.fight(12)
    ((name, kept),) = twins.story.roster.dump()
    assert to_json(from_json(name, kept)) == kept
    assert CODE in kept["hub_codes"]
