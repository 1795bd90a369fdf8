"""Which of several brokers is next, and when the first is believed again."""

from __future__ import annotations

from fleet.contract.broker_choice import LASTING, LONGEST_WELL, LOOK, WELL, BrokerChoice


def choice(count: int = 2) -> BrokerChoice:
    """One without chance: each wait is as long as it may be."""
    return BrokerChoice(count, chance=lambda: 1.0)


def look_until_back(chosen: BrokerChoice, now: float, *, well: bool = True) -> float:
    """Look whenever it is due; seconds until it is time to go back."""
    began = now
    for _ in range(200):
        now = max(now, chosen.look_due())
        if chosen.looked(now, well=well):
            return now - began
    return float("inf")


def test_each_has_its_turn_in_the_order_of_the_setting():
    chosen = choice(3)
    seen = []
    for second in range(6):
        seen.append(chosen.at)
        chosen.failed(float(second))
    assert seen == [0, 1, 2, 0, 1, 2]


def test_the_only_one_is_tried_again_and_never_looked_at():
    chosen = choice(1)
    chosen.failed(0.0)
    assert chosen.at == 0
    assert chosen.look_due() == float("inf")


def test_who_is_at_the_first_does_not_look():
    assert choice().look_due() == float("inf")


def test_we_go_back_once_every_look_for_minutes_has_found_it_well():
    chosen = choice()
    chosen.up(0.0)
    chosen.failed(1000.0)
    assert chosen.look_due() == 1000.0 + 1.25 * LOOK
    waited = look_until_back(chosen, 1000.0)
    assert WELL <= waited <= WELL + 3 * LOOK
    chosen.returned()
    assert chosen.is_first


def test_one_look_in_vain_begins_the_minutes_anew():
    chosen = choice()
    chosen.failed(0.0)
    now = chosen.look_due()
    chosen.looked(now, well=True)
    assert not chosen.looked(now + WELL - 1, well=False)
    assert not chosen.looked(now + WELL + 1, well=True)
    assert chosen.looked(now + 2 * WELL + 1, well=True)


def test_a_return_that_did_not_last_must_be_earned_longer():
    chosen, now, waits = choice(), 0.0, []
    chosen.up(now)
    for _ in range(8):
        chosen.failed(now)
        waits.append(look_until_back(chosen, now))
        now += waits[-1]
        chosen.returned()
        chosen.up(now)
        now += 1.0
    assert waits == sorted(waits)
    assert LONGEST_WELL <= waits[-1] <= LONGEST_WELL + 3 * LOOK
    chosen.failed(now + LASTING)  # that one lasted
    assert look_until_back(chosen, now + LASTING) < waits[1]


def test_a_first_that_stays_away_is_not_held_against_it_try_by_try():
    chosen = choice()
    chosen.up(0.0)
    for second in range(1000):
        chosen.failed(float(second))  # both are away
    assert chosen.at == 0
    chosen.failed(1000.0)
    assert look_until_back(chosen, 1000.0) <= WELL + 3 * LOOK


def test_one_that_is_well_and_does_not_let_us_in_is_asked_ever_more_seldom():
    chosen = choice()
    chosen.up(0.0)
    chosen.failed(0.0)
    first = look_until_back(chosen, 0.0)
    chosen.stay(first)
    assert chosen.at == 1
    assert look_until_back(chosen, first) > first + LOOK
