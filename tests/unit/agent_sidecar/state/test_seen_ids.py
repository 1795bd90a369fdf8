"""Answered ids are remembered until they expire, and no longer than the bound."""

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


def test_an_id_is_known_until_it_expires(path: Path) -> None:
    seen = SeenIds(Database(path))
    seen.add("a", until=10, now=0)
    assert "a" in seen
    seen.add("b", until=30, now=20)
    assert "a" not in seen
    seen.save()
    assert "a" not in SeenIds(Database(path))


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
