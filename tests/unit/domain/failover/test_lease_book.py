"""Until when each agent may be active."""

from __future__ import annotations

from fleet.domain.failover.lease_book import LeaseBook
from fleet.domain.failover.life import Known, step
from fleet.domain.failover.pair import GRACE, TTL, Pair, Phase
from fleet.domain.failover.signs import Said, Signs

START, GIVEN = 0.0, 1000.0
OVER = GIVEN + TTL + GRACE


def book() -> LeaseBook:
    """Ada has been active for long, and was given her last lease just now."""
    made = LeaseBook(START)
    made.hear("ada", 1, 7, GIVEN)
    made.give("ada", 3, active=True)
    return made


def test_a_lease_outlives_its_pair() -> None:
    leases = book()
    leases.forget(("ada", "bob"), GIVEN + 1)
    assert not leases.is_over("ada", OVER - 0.1)
    assert leases.is_over("ada", OVER)
    assert leases.is_over("bob", GIVEN)


def test_a_pair_that_is_made_again_the_other_way_round_waits_for_the_lease_of_the_one_before() -> (
    None
):
    leases = book()
    leases.forget(("ada", "bob"), GIVEN + 1)
    pair = Pair("p", "ada", "bob", epoch=4, phase=Phase.FENCING)  # bob is to be active
    active, standby = Signs(True, None, Said(3, True, True)), Signs(False)
    for now, phase in ((GIVEN + 2, Phase.FENCING), (OVER, Phase.PROMOTING)):
        known = Known(active, standby, leases.is_over(pair.active, now))
        assert step(pair, known, now).phase is phase


def test_what_is_long_over_is_not_kept() -> None:
    leases = book()
    for number in range(100):
        leases.hear(f"a{number}", 1, 1, GIVEN + number * 100)
        leases.give(f"a{number}", 1, active=True)
        leases.forget((f"a{number}", "bob"), GIVEN + number * 100)
    assert len(leases._until) == 1
