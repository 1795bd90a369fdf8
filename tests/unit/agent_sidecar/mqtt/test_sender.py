"""The courier sends in order, again after an outage, and less and less where nobody answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_sidecar.mqtt.sender import MAX_PATIENCE, PATIENCE, OutboxSender
from agent_sidecar.state.database import Database
from agent_sidecar.state.outbox import Outbox, OutboxEntry
from fleet.contract.vocabulary import MessageKind


class Link:
    """Takes rows, gives message ids; `refusing` is a link that is down."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.refusing = False

    def publish(self, _kind: MessageKind, payload: bytes, _retain: bool) -> int | None:
        if self.refusing:
            return None
        self.sent.append(json.loads(payload)["seq"])
        return len(self.sent)


class Bench:
    def __init__(self, folder: Path, rows: int) -> None:
        self.outbox = Outbox(Database(folder / "outbox.sqlite3"))
        self.connection = Link()
        self.sender = OutboxSender(self.outbox, self.connection.publish, chance=lambda: 1.0)
        for _ in range(rows):
            self.add()

    def add(self) -> None:
        seq = len(self.outbox)
        self.outbox.add(OutboxEntry(1, seq, MessageKind.STATUS, 0, True, b'{"seq":%d}' % seq))

    def pump(self, now: float) -> list[int]:
        """What is sent until nothing moves; the broker acknowledges everything at once."""
        begin = len(self.connection.sent)
        while True:
            before = len(self.connection.sent)
            self.sender.pump(now)
            for mid in range(before + 1, len(self.connection.sent) + 1):
                self.sender.acked(mid)
            if len(self.connection.sent) == before:
                return self.connection.sent[begin:]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, 40)


def test_everything_is_sent_once_in_order(bench: Bench) -> None:
    bench.sender.link_up(0, 16)
    assert bench.pump(0) == list(range(40))
    assert bench.pump(1) == []
    assert bench.sender.idle


def test_a_receipt_for_what_has_not_left_yet_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 0)
    bench.sender.link_up(0, 16)
    for _ in range(3):
        bench.add()
    assert not bench.sender.receipt(1, 0, 0)  # nothing has left
    assert len(bench.outbox) == 3
    assert bench.pump(0) == [0, 1, 2]
    bench.add()
    assert not bench.sender.receipt(1, 3, 1)
    assert len(bench.outbox) == 4
    assert bench.sender.receipt(1, 2, 1)
    assert len(bench.outbox) == 1


def test_what_an_earlier_run_left_behind_may_have_been_sent(bench: Bench) -> None:
    bench.outbox.flush()
    after = OutboxSender(bench.outbox, bench.connection.publish)
    assert after.receipt(1, 39, 0)
    assert len(bench.outbox) == 0


def test_no_more_than_the_window_is_on_its_way(bench: Bench) -> None:
    bench.sender.link_up(0, 16)
    bench.sender.pump(0)
    bench.sender.pump(0)
    assert len(bench.connection.sent) == 16
    assert not bench.sender.idle


def test_nothing_is_sent_while_the_link_is_down(bench: Bench) -> None:
    assert bench.pump(0) == []
    bench.sender.link_up(0, 16)
    bench.sender.link_down()
    assert bench.pump(0) == []
    assert bench.sender.due() is None


def test_a_link_that_breaks_in_the_middle_goes_on_where_it_was(bench: Bench) -> None:
    bench.sender.link_up(0, 16)
    bench.sender.pump(0)
    bench.connection.refusing = True
    bench.sender.link_down()
    bench.connection.refusing = False
    bench.sender.link_up(1, 16)
    assert bench.pump(1) == list(range(40))


def test_what_the_hub_has_not_receipted_is_sent_again_after_a_reconnect(bench: Bench) -> None:
    bench.sender.link_up(0, 16)
    bench.pump(0)
    bench.sender.receipt(1, 29, 0)
    bench.sender.link_down()
    bench.sender.link_up(1, 16)
    assert bench.pump(1) == list(range(30, 40))


def test_a_bus_without_a_hub_is_not_flooded_at_each_reconnect(bench: Bench) -> None:
    bench.sender.link_up(0, 16)
    bench.pump(0)
    bench.sender.link_down()
    bench.sender.link_up(1, 16)
    assert bench.pump(1) == []


def test_a_hub_that_comes_up_gets_everything(bench: Bench) -> None:
    bench.sender.link_up(0, 16)
    bench.pump(0)
    bench.sender.hub_online(1)
    assert bench.pump(1) == list(range(40))


def test_without_a_receipt_a_few_are_sent_again_ever_more_rarely(bench: Bench) -> None:
    bench.sender.link_up(0, 16)
    bench.pump(0)
    now, gaps = 0.0, []
    for _ in range(12):
        due = bench.sender.due()
        assert due is not None
        assert bench.pump(due - 0.01) == []
        assert bench.pump(due) == list(range(16))
        gaps.append(due - now)
        now = due
    assert gaps[0] == PATIENCE
    assert gaps == sorted(gaps)
    assert gaps[-1] == MAX_PATIENCE


def test_a_hub_that_answers_to_a_second_sending_gets_all_the_rest(bench: Bench) -> None:
    """A broker that lost a stretch is repaired at once, not a few rows at a time."""
    bench.sender.link_up(0, 16)
    bench.pump(0)
    due = bench.sender.due()
    assert due is not None
    assert bench.pump(due) == list(range(16))
    bench.sender.receipt(1, 15, due)
    assert bench.pump(due) == list(range(16, 40))
    bench.sender.receipt(1, 39, due)
    assert len(bench.outbox) == 0


def test_a_slow_hub_is_not_pushed_ever_harder(bench: Bench) -> None:
    bench.sender.link_up(0, 16)
    bench.pump(0)
    gaps = []
    now = 0.0
    for seq in range(4):
        due = bench.sender.due()
        assert due is not None
        gaps.append(due - now)
        now = due
        bench.pump(now)
        bench.sender.receipt(1, seq, now)
    assert gaps == [PATIENCE, 2 * PATIENCE, 4 * PATIENCE, 8 * PATIENCE]


def test_a_new_row_is_sent_although_others_wait_for_their_receipt(bench: Bench) -> None:
    bench.sender.link_up(0, 16)
    bench.pump(0)
    bench.add()
    assert bench.pump(0.5) == [40]


def test_what_comes_after_a_quiet_time_is_sent_once_and_asked_for_as_soon_as_ever(
    bench: Bench,
) -> None:
    bench.sender.link_up(0, 16)
    bench.pump(0)
    bench.sender.receipt(1, 39, 0)
    now = 0.0
    while now < 2 * MAX_PATIENCE:  # the loop turns, and there is nothing to send
        now += 1.0
        assert bench.pump(now) == []
    now += MAX_PATIENCE
    bench.add()
    assert bench.pump(now) == [0]
    due = bench.sender.due()
    assert due == now + PATIENCE
    assert bench.pump(due) == [0]
