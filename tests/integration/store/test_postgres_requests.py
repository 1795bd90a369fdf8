"""What hubs that read are asked goes to the one that leads once, or back with words."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.store.port import LeadershipLostError
from fleet.store.postgres import requests
from fleet.store.postgres.connection import Database
from fleet.store.postgres.lease import Lease
from fleet.store.postgres.meta import number
from fleet.store.postgres.requests import Requests
from fleet.store.shared import Answer, Request, TooManyRequestsError
from tests.support import postgres
from tests.support.stores import PostgresPlace

pytestmark = postgres.needs_postgres

DONE = Answer(201, "application/json", b"{}", {"etag": '"3"'})


@pytest.fixture
def place(tmp_path: Path) -> PostgresPlace:
    return PostgresPlace(tmp_path)


def hub(place: PostgresPlace) -> Lease:
    database = Database(place.url)
    database.open()
    return Lease(database)


def rows(place: PostgresPlace) -> int:
    database = Database(place.url)
    database.open()
    found = database.snapshot(lambda connection: number(connection, "SELECT count(*) FROM request"))
    database.close()
    return found or 0


def asked(id_: str) -> Request:
    return Request(id_, "operator", "", "ab12", "POST", "/v1/silences?x=1", "text/x", b"\x00{",
                   {"if-match": '"2"'})  # fmt: skip


def test_a_request_is_done_once_and_answered(place: PostgresPlace) -> None:
    leader, reader = hub(place), hub(place)
    assert leader.acquire() is None
    assert leader.requests.take(9) == []
    reader.requests.put(asked("1"), 20)
    reader.requests.put(asked("1"), 20)
    assert reader.requests.answer_of("1") is None
    assert leader.requests.take(9) == [asked("1")]
    assert leader.requests.take(9) == []
    assert not reader.requests.withdraw("1"), "it was begun"
    leader.requests.answer("1", DONE)
    assert reader.requests.answer_of("1") == DONE
    assert reader.requests.answer_of("1") is None, "whoever asked took it away"
    assert rows(place) == 0


def test_what_nobody_began_is_withdrawn_or_too_old_and_never_done(place: PostgresPlace) -> None:
    leader, reader = hub(place), hub(place)
    reader.requests.put(asked("1"), 20)
    reader.requests.put(asked("2"), -1)
    assert reader.requests.withdraw("1")
    assert leader.acquire() is None
    assert leader.requests.take(9) == []


def test_one_whose_hub_was_lost_is_in_doubt_and_not_done_again(place: PostgresPlace) -> None:
    old, new = hub(place), hub(place)
    assert old.acquire() is None
    new.requests.put(asked("1"), 20)
    assert len(old.requests.take(9)) == 1
    place._run("UPDATE leader_leases SET expires = clock_timestamp() - interval '1 s'")
    assert new.acquire() is None
    assert new.requests.take(9) == []
    told = new.requests.answer_of("1")
    assert told is not None
    assert (told.status, b"may have been done" in told.body) == (503, True)
    with pytest.raises(LeadershipLostError):
        old.requests.answer("1", DONE)
    with pytest.raises(LeadershipLostError):
        old.live.write(1.0, "{}")


def test_only_so_many_wait(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST", 2)
    reader = hub(place)
    for id_ in ("1", "2"):
        reader.requests.put(asked(id_), 20)
    with pytest.raises(TooManyRequestsError):
        reader.requests.put(asked("3"), 20)


def test_what_nobody_takes_away_is_swept_in_its_time(place: PostgresPlace) -> None:
    leader, reader = hub(place), hub(place)
    assert leader.acquire() is None
    minute = 0.0
    database = Database(place.url)
    database.open()
    swept = Requests(database, leader.fence, lambda: leader.epoch, lambda: minute)
    assert swept.take(9) == []
    reader.requests.put(asked("1"), -requests.KEPT - 1)
    assert swept.take(9) == []
    assert rows(place) == 1, "it looks once a minute"
    minute = requests.SWEEP
    assert swept.take(9) == []
    assert rows(place) == 0
