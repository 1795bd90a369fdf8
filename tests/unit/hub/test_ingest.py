"""Judge, observe, commit, then acknowledge: and what happens when the disk does not play along."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from fleet.bus.port import Inbound
from fleet.contract.limits import MAX_PAYLOAD
from fleet.contract.vocabulary import AlertCode
from fleet.domain.events import Fact
from fleet.hub.daily_budget import DailyBudget
from fleet.hub.ingest import BACKLOG, MAX_BATCHES
from fleet.store.port import StoreError
from tests.support.intake import Intake, beat, status
from tests.support.waiting import eventually


async def test_nothing_is_acknowledged_before_it_is_committed(intake: Intake):
    intake.store.gate.clear()
    intake.bus.deliver(beat(boot=5, seq=0))
    await eventually(lambda: intake.store.attempts)
    assert intake.bus.acked == []
    intake.store.gate.set()
    await eventually(lambda: len(intake.bus.acked) == 1)
    assert len(await intake.stored()) == 1


async def test_a_repeated_number_is_acknowledged_and_stored_once(intake: Intake):
    message = beat(boot=5, seq=0)
    intake.bus.deliver(message, message)
    intake.bus.deliver(message)
    await eventually(lambda: len(intake.bus.acked) == 3)
    assert len(await intake.stored()) == 1
    assert intake.counters.facts[Fact.DUPLICATE] == 2


async def test_what_the_contract_rejects_is_a_dead_letter_and_acknowledged(intake: Intake):
    bad = Inbound("fleet/larry/heartbeat", b"{}", 1)
    poison = Inbound("fleet/larry/command", b'{"verb":"health-check"}', 1, retain=True)
    foreign = Inbound("fleet/larry/gossip", b"{}", 1)
    intake.bus.deliver(bad, poison, foreign)
    await eventually(lambda: len(intake.bus.acked) == 3)
    dead_letters = await intake.store.dead_letters(before=None, limit=9)
    assert [dead_letter.reason for dead_letter in dead_letters] == [
        "unknown-topic",
        "retained-command",
        "missing-field",
    ]
    assert sum(intake.counters.rejected.values()) == 3


async def test_of_a_message_too_large_only_so_much_is_kept_as_shows_it(intake: Intake):
    intake.bus.deliver(Inbound("fleet/larry/heartbeat", b"x" * 1_000_000, 1))
    await eventually(lambda: len(intake.bus.acked) == 1)
    [dead_letter] = await intake.store.dead_letters(before=None, limit=9)
    assert (dead_letter.reason, len(dead_letter.payload)) == ("too-large", MAX_PAYLOAD + 1)


async def test_cleared_retained_state_is_news_and_no_dead_letter(intake: Intake):
    topics = ("fleet/larry/heartbeat", "fleet/larry/command", "zephyr/broadcast")
    intake.bus.deliver(beat(), *(Inbound(topic, b"", 1) for topic in topics))
    await eventually(lambda: len(intake.bus.acked) == 4)
    assert intake.counters.facts[Fact.RETAINED_CLEARED] == 3
    assert not intake.counters.rejected
    assert intake.roster.view("larry", intake.now).state == "ok"


async def test_a_slow_disk_leaves_the_rest_with_the_broker(intake: Intake):
    intake.store.gate.clear()
    for seq in range(20):
        intake.bus.deliver(beat(boot=5, seq=seq))
    await eventually(lambda: intake.bus.taken >= MAX_BATCHES)
    for _ in range(50):
        await asyncio.sleep(0)
    assert intake.bus.taken <= MAX_BATCHES + 1
    intake.store.gate.set()
    await eventually(lambda: len(intake.bus.acked) == 20)
    assert len(await intake.stored()) == 20


async def test_a_full_disk_pauses_raises_an_alert_and_loses_nothing(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("fleet.hub.store_patience.FIRST_RETRY", 0.01)
    intake.store.full = True
    intake.bus.deliver(beat(boot=5, seq=0))
    await eventually(lambda: intake.store.attempts > 2)
    assert intake.counters.paused
    assert intake.bus.acked == []
    (alert_group,) = intake.committer.book.due(intake.now + 60)
    assert (alert_group.code, alert_group.agents) == (AlertCode.DISK_PRESSURE, ("",))
    intake.store.full = False
    await eventually(lambda: len(intake.bus.acked) == 1)
    assert not intake.counters.paused
    assert not intake.committer.book.firing()
    assert len(await intake.stored()) == 1


async def test_a_store_that_refuses_ends_intake_without_an_acknowledgement(tmp_path: Path):
    intake = Intake(tmp_path / "home")
    intake.store.broken = True
    intake.bus.deliver(beat(boot=5, seq=0))
    with pytest.raises(ExceptionGroup) as caught:
        await intake.ingest.run()
    assert isinstance(caught.value.exceptions[0], StoreError)
    assert intake.bus.acked == []
    await intake.store.close()


async def test_an_unnumbered_message_that_comes_again_after_a_break_is_stored_once(
    intake: Intake,
):
    intake.bus.deliver(beat(uptime=1), beat(uptime=2))
    await eventually(lambda: len(intake.bus.acked) == 2)
    intake.ingest.redelivered.expect()
    intake.bus.deliver(beat(uptime=2), beat(uptime=3))
    await eventually(lambda: len(intake.bus.acked) == 4)
    assert [json.loads(p)["uptime"] for p in await intake.stored()] == [1, 2, 3]
    intake.bus.deliver(beat(uptime=2))
    await eventually(lambda: len(intake.bus.acked) == 5)
    assert len(await intake.stored()) == 4


async def test_a_command_that_a_broker_kept_for_us_is_stored_once(intake: Intake):
    """The hub returns to a broker that had queued what the hub itself sent."""
    body = {
        "verb": "health-check",
        "id": "01JZ0000000000000000000000",
        "ts": "2027-01-15T08:00:00Z",
    }
    command = Inbound("fleet/larry/command", json.dumps(body).encode(), 1)
    intake.bus.deliver(command)
    await eventually(lambda: len(intake.bus.acked) == 1)
    intake.ingest.redelivered.expect()
    intake.bus.deliver(command)
    await eventually(lambda: len(intake.bus.acked) == 2)
    assert len(await intake.stored()) == 1
    assert intake.counters.repeated == 1
    intake.bus.deliver(command)  # sent again by somebody: that is to be seen
    await eventually(lambda: len(intake.bus.acked) == 3)
    assert len(await intake.stored()) == 2


async def test_a_notice_of_maintenance_silences_until_its_end(intake: Intake):
    def notice(word: str) -> Inbound:
        body = {"notice": word, "ts": "2027-01-15T08:00:00Z"}
        return Inbound("zephyr/broadcast", json.dumps(body).encode(), 1)

    intake.bus.deliver(notice("maintenance-begin"))
    await eventually(lambda: intake.committer.book.silences)
    intake.bus.deliver(notice("maintenance-end"))
    await eventually(lambda: not intake.committer.book.silences)


async def test_an_agent_in_maintenance_is_silent_and_no_longer_when_it_runs(intake: Intake):
    intake.bus.deliver(status(state="maintenance"))
    await eventually(lambda: intake.committer.book.silences)
    intake.bus.deliver(status(state="running"))
    await eventually(lambda: not intake.committer.book.silences)


async def test_one_receipt_covers_many_messages(intake: Intake):
    intake.bus.deliver(*(status(boot=5, seq=seq) for seq in range(50)))
    await eventually(lambda: intake.bus.published)
    assert intake.bus.published == [("fleet/larry/receipt", {"boot": 5, "seq": 49})]


async def test_heartbeats_alone_are_not_receipted(intake: Intake):
    intake.bus.deliver(beat(boot=5, seq=0), status(boot=5, seq=1))
    intake.bus.deliver(beat("moe", boot=5, seq=0))
    await eventually(lambda: intake.bus.published)
    assert {topic for topic, _ in intake.bus.published} == {"fleet/larry/receipt"}


async def test_a_broker_that_tells_but_not_of_drops_has_dropped_nothing_since(intake: Intake):
    received = Inbound("$SYS/broker/messages/received", b"90", retain=True)
    intake.bus.deliver(received)
    await eventually(lambda: intake.counters.broker)
    assert intake.counters.broker_dropped is None  # what is retained may still come
    intake.bus.deliver(received._replace(payload=b"95", retain=False))
    await eventually(lambda: intake.counters.broker_dropped == 0)
    intake.bus.deliver(Inbound("$SYS/broker/publish/messages/dropped", b"7"))
    await eventually(lambda: intake.counters.broker_dropped == 7)


async def test_a_backlog_is_over_when_its_last_batch_is_stored(intake: Intake):
    intake.store.gate.clear()
    intake.bus.deliver(*(beat(boot=5, seq=number) for number in range(BACKLOG)))
    await eventually(lambda: intake.store.attempts)
    assert not intake.ingest.idle
    intake.store.gate.set()
    await eventually(lambda: intake.ingest.idle)
    assert len(intake.bus.acked) == BACKLOG


async def test_of_a_flood_so_much_is_stored_as_the_day_allows(intake: Intake):
    intake.ingest.keeping.budget = DailyBudget(1000)
    beats = [beat(seq=n, boot=5, uptime=n) for n in range(40)]
    quiet = beat("moe", uptime=1)
    intake.bus.deliver(*beats, status(boot=5, seq=40), quiet)
    await eventually(lambda: len(intake.bus.acked) == 42)
    rows = (await intake.store.history(limit=100)).messages
    flood = [row for row in rows if row.agent == "larry"]
    beats = [row for row in flood if row.kind == "heartbeat"]
    assert 900 < sum(len(row.payload) for row in beats) <= 1000
    assert [row.agent for row in rows if row.agent != "larry"] == ["moe"]
    assert intake.counters.left_out == 41 - len(flood)
    assert intake.counters.facts[Fact.OVER_BUDGET] == 1
    view = intake.roster.view("larry", intake.now)
    assert (view.uptime, view.seq, view.says) == (39, 40, "running")


async def test_news_are_stored_longer_than_what_is_said_again(intake: Intake):
    intake.ingest.keeping.budget = DailyBudget(300)
    intake.bus.deliver(*(beat(uptime=n) for n in range(30)))
    intake.bus.deliver(status())
    await eventually(lambda: len(intake.bus.acked) == 31)
    kinds = [row.kind for row in (await intake.store.history()).messages]
    assert kinds.count("status") == 1
    assert kinds.count("heartbeat") < 7


async def test_a_new_day_has_a_new_budget(intake: Intake):
    intake.ingest.keeping.budget = DailyBudget(100)
    intake.bus.deliver(*(beat(uptime=n) for n in range(9)))
    await eventually(lambda: len(intake.bus.acked) == 9)
    before = len(await intake.stored())
    intake.wait(86_400)
    intake.bus.deliver(beat(uptime=10))
    await eventually(lambda: len(intake.bus.acked) == 10)
    assert len(await intake.stored()) == before + 1


async def test_what_comes_again_without_a_number_is_stored_once_and_two_of_one_second_twice(
    intake: Intake,
):
    """No link of the hub broke: whoever repeats sits on the way."""
    first, second = beat(uptime=1), beat(uptime=2)
    again = Inbound(*first[:4], first.mid + 7, *first[5:])
    intake.bus.deliver(first, again)
    intake.bus.deliver(second, second)
    await eventually(lambda: len(intake.bus.acked) == 4)
    assert len(await intake.stored()) == 2
    assert intake.counters.facts[Fact.DUPLICATE] == 2
