"""Answers that have left are written down together, and soon; what was refused is tried again."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.state.database import Database
from agent_sidecar.state.outbox import Outbox, OutboxEntry
from agent_sidecar.state.seen_ids import SeenIds
from agent_sidecar.state.settling import LONGEST, MOST, QUIET, SETTLE, Settling
from fleet.contract.vocabulary import MessageKind
from tests.unit.agent_sidecar.state.test_outbox import FullDisk


class Bench:
    """A database whose writes are counted, with what waits for them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "outbox.sqlite3"
        self.database = Database(self.path)
        self.outbox, self.seen = Outbox(self.database), SeenIds(self.database)
        self.settling = Settling(self.database, self.outbox)
        self.writes = self.seq = 0
        write = self.database.write

        def counted() -> bool:
            self.writes += 1
            return write()

        monkeypatch.setattr(self.database, "write", counted)

    def answer(self, now: float) -> None:
        """A command came in, and its answer has left."""
        self.seen.add(str(self.seq), now + 60, now)
        entry = OutboxEntry(1, self.seq, MessageKind.STATUS, 0, False, b"%d" % self.seq)
        self.outbox.add(entry, later=True)
        self.seq += 1
        self.settling.tick(now, heard_at=now)

    def on_disk(self) -> tuple[list[bytes], set[str]]:
        """Answers and ids that a process after kill -9 would find."""
        after = Database(self.path)
        ids = set(dict(after.connection.execute("SELECT id, until FROM seen")))
        rows = [row.payload for row in Outbox(after).after(0, 100)]
        after.connection.close()
        return rows, ids


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_answers_wait_for_a_moment_in_which_nothing_comes_and_share_its_commit(
    bench: Bench,
) -> None:
    for number in range(3):
        bench.answer(number * QUIET / 2)
    assert bench.settling.holds
    assert bench.settling.due == 2 * QUIET
    assert bench.on_disk() == ([], set())
    bench.settling.tick(2 * QUIET, heard_at=QUIET)
    assert not bench.settling.holds
    assert bench.on_disk() == ([b"0", b"1", b"2"], {"0", "1", "2"})
    assert bench.writes == 1
    assert bench.settling.due is None


def test_while_commands_go_on_coming_the_first_answer_waits_no_longer(bench: Bench) -> None:
    moments = [number * QUIET / 2 for number in range(round(2 * LONGEST / QUIET) + 1)]
    assert len(moments) < MOST
    for now in moments[:-1]:
        bench.answer(now)
        assert bench.settling.holds
    bench.answer(moments[-1])
    assert bench.writes == 1
    assert not bench.settling.holds


def test_as_many_as_a_broker_lets_go_unacknowledged_are_written_at_once(bench: Bench) -> None:
    for _ in range(MOST - 1):
        bench.answer(0.0)
    assert bench.writes == 0
    bench.answer(0.0)
    assert bench.writes == 1
    assert len(bench.on_disk()[0]) == MOST


def test_what_must_be_written_at_once_takes_the_answers_along(bench: Bench) -> None:
    bench.answer(0.0)
    bench.outbox.add(OutboxEntry(1, 1, MessageKind.ALERT, 1, True, b"alert"))
    assert not bench.settling.holds
    assert bench.on_disk() == ([b"0", b"alert"], {"0"})


def test_an_answer_that_the_hub_receipted_first_is_never_written_and_its_id_is(
    bench: Bench,
) -> None:
    bench.answer(0.0)
    assert bench.outbox.receipt(1, 0) == 1
    assert not bench.settling.holds
    bench.settling.tick(0.0, heard_at=0.0)
    assert bench.settling.due == SETTLE
    bench.settling.tick(SETTLE, heard_at=0.0)
    assert bench.on_disk() == ([], {"0"})
    assert bench.settling.due is None


def test_a_full_disk_holds_no_acknowledgement_back_and_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that sends one message at a time would else send no receipt any more."""
    disk = FullDisk(bench.database.connection)
    monkeypatch.setattr(bench.database, "connection", disk)
    bench.answer(0.0)
    assert bench.settling.holds
    assert not bench.outbox.refused
    bench.settling.tick(QUIET, heard_at=0.0)
    assert not bench.settling.holds
    assert bench.outbox.refused
    assert bench.settling.due == SETTLE
    disk.full = False
    bench.settling.tick(SETTLE, heard_at=0.0)
    assert not bench.outbox.refused
    assert bench.on_disk() == ([b"0"], {"0"})


def test_what_the_broker_acknowledged_is_written_within_a_second(bench: Bench) -> None:
    bench.outbox.add(OutboxEntry(1, 0, MessageKind.ALERT, 1, True, b"alert"))
    bench.outbox.note_acked(1)
    bench.settling.tick(5.0, heard_at=0.0)
    assert bench.settling.due == 5.0 + SETTLE
    bench.settling.tick(5.0 + SETTLE, heard_at=0.0)
    assert Outbox(Database(bench.path)).acked == 1
    assert bench.settling.due is None
