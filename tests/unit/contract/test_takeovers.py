"""Two who work under one client id, told by how links end."""

from __future__ import annotations

from fleet.contract.backoff import STEADY
from fleet.contract.takeovers import SUDDEN, TURNS, Takeovers


def test_a_link_that_ends_at_once_again_and_again_is_somebody_else() -> None:
    takeovers = Takeovers()
    for _ in range(TURNS - 1):
        assert not takeovers.sure
        takeovers.lost(0.4, silent=True)
    assert takeovers.likely
    takeovers.lost(0.4, silent=True)
    assert takeovers.sure


def test_a_link_that_had_lived_is_no_sign_whatever_is_said() -> None:
    takeovers = Takeovers(patience=1)
    takeovers.lost(STEADY, said=True)
    takeovers.lost(SUDDEN + 1, silent=True)
    takeovers.lost(0.1)  # with a reason of its own
    assert not takeovers.likely
    assert not takeovers.sure


def test_what_the_broker_says_counts_up_to_the_life_that_is_steady() -> None:
    takeovers = Takeovers()
    for _ in range(TURNS):
        takeovers.lost(STEADY - 1, said=True)
    assert takeovers.sure


def test_another_reason_between_begins_the_count_anew() -> None:
    takeovers = Takeovers()
    for _ in range(TURNS):
        takeovers.lost(0.4, silent=True)
        takeovers.lost(0.4)
    assert not takeovers.likely


def test_who_is_sure_stays_sure_until_a_link_has_lasted() -> None:
    takeovers = Takeovers(patience=1)
    takeovers.lost(0.1, said=True)
    takeovers.lost(0.1)
    assert takeovers.sure
    takeovers.settled()
    assert not takeovers.sure


def test_of_two_the_one_that_came_later_gives_way_first() -> None:
    """The first has lived when the second comes: its first loss is no sign."""
    first, second = Takeovers(), Takeovers()
    lives = {first: STEADY * 10, second: 0.0}
    connected, losses = first, 0
    while not (first.sure or second.sure):
        loser, connected = connected, second if connected is first else first
        loser.lost(lives[loser], silent=True)
        lives[loser] = 0.3
        losses += 1
    assert second.sure
    assert losses == 2 * TURNS
