"""Answered ids are remembered while there is room, and at least until they expire."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.state.database import Database
from agent_sidecar.state.outbox import Outbox, OutboxEntry
from agent_sidecar.state.seen_ids import MAX_IDS, SeenIds
from fleet.contract.vocabulary import MessageKind


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite3"


def test_a_clock_that_was_ahead_for_a_moment_makes_no_id_new_again(path: Path) -> None:
    seen = SeenIds(Database(path))
    seen.add("a", until=60, now=0)
    seen.add("b", until=10**9 + 60, now=10**9)
    assert "a" in seen
    seen.save()
    assert "a" in SeenIds(Database(path))


def test_who_is_over_makes_room_first_and_who_was_dated_by_a_wrong_clock(path: Path) -> None:
    seen = SeenIds(Database(path))
    seen.add("dated by a clock years ahead", until=10**9, now=10**9 - 60)
    seen.add("over", until=50, now=0)
    for number in range(MAX_IDS - 2):
        seen.add(str(number), until=200, now=100)
    seen.add("one", until=300, now=100)
    assert "over" not in seen
    seen.add("two", until=300, now=100)
    assert "dated by a clock years ahead" not in seen
    assert all(str(number) in seen for number in range(MAX_IDS - 2))


def test_ids_outlive_a_restart(path: Path) -> None:
    seen = SeenIds(Database(path))
    seen.add("a", until=10, now=0)
    assert seen.save()
    assert "a" in SeenIds(Database(path))  # the first was never closed, as after kill -9


def test_an_id_is_on_disk_with_its_answer_and_not_before(path: Path) -> None:
    database = Database(path)
    seen, outbox = SeenIds(database), Outbox(database)
    seen.add("a", until=10, now=0)
    assert "a" not in SeenIds(Database(path))
    outbox.add(OutboxEntry(1, 0, MessageKind.STATUS, 0, False, b"answer"))
    again = Database(path)
    assert "a" in SeenIds(again)
    assert [row.payload for row in Outbox(again).after(0, 9)] == [b"answer"]


def test_the_ones_that_expire_first_make_room(path: Path) -> None:
    seen = SeenIds(Database(path))
    for number in range(MAX_IDS + 5):
        seen.add(str(number), until=100 + number, now=0)
    for known in (seen, seen.save() and SeenIds(Database(path))):
        assert known
        assert "4" not in known
        assert "5" in known


def test_an_id_that_waits_for_its_answer_is_known_here_and_not_to_the_next_process(
    path: Path,
) -> None:
    seen = SeenIds(Database(path))
    for id_ in ("a", "b"):
        seen.add(id_, until=10, now=0)
        seen.awaited(id_)
    seen.settled("b")
    seen.settled("nobody's")
    assert seen.save()
    again = SeenIds(Database(path))
    assert "a" in seen
    assert "a" not in again
    assert "b" in again
    seen.settled("a")
    assert seen.save()
    assert "a" in SeenIds(Database(path))


def test_many_that_are_over_make_room_at_once_and_of_the_others_one(path: Path) -> None:
    seen = SeenIds(Database(path))
    for number in range(MAX_IDS):
        seen.add(str(number), until=10 if number < 10 else 200, now=0)
    seen.add("one", until=300, now=100)
    assert not any(str(number) in seen for number in range(10))
    for number in range(9):
        seen.add(f"more {number}", until=300, now=100)
    assert all(str(number) in seen for number in range(10, MAX_IDS))
    seen.add("last", until=300, now=100)
    assert sum(str(number) in seen for number in range(10, MAX_IDS)) == MAX_IDS - 11
