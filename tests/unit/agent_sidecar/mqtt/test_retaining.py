"""What a broker that only hangs up shows of retained messages, case by case."""

from __future__ import annotations

from agent_sidecar.mqtt.retaining import FORGET_AFTER, Retaining


def hung_up(known: Retaining, now: float = 0.0) -> bool:
    return known.lost(now, refused=False, silent=True)


def test_what_is_taken_once_nothing_is_retained_shows_why_it_hung_up() -> None:
    known = Retaining()
    known.given = True
    assert hung_up(known)
    assert not known.possible
    known.connected(None)
    assert known.acknowledged()
    assert not known.acknowledged()


def test_where_it_hangs_up_all_the_same_it_was_for_something_else() -> None:
    known = Retaining()
    known.given = True
    assert hung_up(known)
    assert not hung_up(known)
    assert known.possible


def test_a_link_without_anything_retained_proves_nothing() -> None:
    known = Retaining()
    assert not hung_up(known)
    assert known.possible


def test_a_guess_is_tried_again_later_and_a_statement_counts_at_once() -> None:
    known = Retaining()
    known.given = True
    hung_up(known)
    known.acknowledged()
    assert not hung_up(known, FORGET_AFTER - 1)
    assert not known.possible
    hung_up(known, FORGET_AFTER)
    assert known.possible
    known.connected(False)
    assert not known.possible
    known.connected(True)
    assert known.possible
