"""Which connection is closed: who does not do its part, and of those the one that matters least."""

from __future__ import annotations

import pytest

from fleet.http.connections import GRACE, STALL, WAIT, Connection, Connections, peer_of

LATER = 2 * GRACE


class Peers:
    """Connections that write down which of them was closed."""

    def __init__(self, most: int) -> None:
        self.all = Connections(most)
        self.closed: list[str] = []
        self.now = 0.0

    def open(self, name: str, peer: str = "192.0.2.1") -> Connection:
        connection = Connection(peer, lambda: self.closed.append(name))
        self.all.open(connection, self.now)
        connection.wait(self.now)
        self.now += 0.001
        return connection


def test_a_whole_request_in_time_or_none() -> None:
    peers = Peers(10)
    slow, quick = peers.open("slow"), peers.open("quick")
    quick.work()
    slow.wait(WAIT - 1)  # one more byte of the same request
    peers.all.close_overdue(WAIT - 0.5)
    assert peers.closed == []
    peers.all.close_overdue(WAIT + 0.5)
    assert peers.closed == ["slow"]
    quick.wait(WAIT + 1)
    peers.all.close_overdue(2 * WAIT)
    assert peers.closed == ["slow"], "its time begins with the last answer"
    assert (len(peers.all), peers.all.late) == (1, 1)


def test_who_does_not_read_its_answer_has_longer() -> None:
    peers = Peers(10)
    peers.open("stalled").wait(1.0, reads=True)
    peers.all.close_overdue(1 + STALL)
    assert peers.closed == []
    peers.all.close_overdue(1.1 + STALL)
    assert peers.closed == ["stalled"]


def test_where_there_is_no_room_the_longest_waiting_goes_and_not_the_newest() -> None:
    peers = Peers(4)
    for name in ("a", "b"):
        peers.open(name, "192.0.2.1")
    for name in ("c", "d"):
        peers.open(name, "192.0.2.2")
    peers.now = LATER
    peers.open("e", "192.0.2.3")
    assert peers.closed == ["a"]
    assert not peers.all.is_full(LATER)


def test_who_has_had_an_answer_goes_before_one_that_has_not() -> None:
    peers = Peers(4)
    peers.open("new")
    peers.open("served").answered = True
    peers.all.make_room(LATER)
    assert peers.closed == ["served"]


def test_a_new_one_s_request_is_awaited_before_it_may_go() -> None:
    peers = Peers(2)
    peers.open("a", "192.0.2.1")
    peers.open("b", "192.0.2.2")
    assert peers.all.is_full(peers.now), "the next one waits to be accepted"
    peers.all.make_room(peers.now)
    assert peers.closed == []
    assert not peers.all.is_full(LATER)


def test_one_peer_s_many_push_out_one_another_and_nobody_else() -> None:
    peers = Peers(8)
    peers.open("good", "192.0.2.9")
    for number in range(20):
        peers.open(f"flood {number}", "192.0.2.1")
        peers.now += LATER
    assert "good" not in peers.closed
    assert len(peers.all) == 1 + 4
    assert peers.closed[0] == "flood 0"


def test_a_proxy_brings_many_and_has_no_share_of_its_own() -> None:
    peers = Peers(8)
    for number in range(8):
        peers.open(f"user {number}", "")
        peers.now += LATER
    assert peers.closed == []


def test_who_works_is_never_closed() -> None:
    peers = Peers(2)
    for name in ("a", "b"):
        peers.open(name).work()
    assert peers.all.is_full(1e6)
    peers.all.close_overdue(1e6)
    peers.all.make_room(1e6)
    assert peers.closed == []


def test_a_closed_one_is_forgotten_once() -> None:
    peers = Peers(2)
    connection = peers.open("a")
    for _ in range(2):
        peers.all.forget(connection)
    assert len(peers.all) == 0


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_a_household_is_one_peer(address: str, peer: str) -> None:
    assert peer_of(address) == peer


def test_who_was_allowed_more_time_has_it_for_that_request_alone() -> None:
    closed: list[str] = []
    connections = Connections()
    slow = Connection("a", lambda: closed.append("slow"))
    connections.open(slow, 0.0)
    slow.wait(0.0)
    slow.allowed = 100.0
    connections.close_overdue(WAIT + 99.0)
    assert closed == []
    connections.close_overdue(WAIT + 101.0)
    assert closed == ["slow"]
