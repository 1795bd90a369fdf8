"""What is done every few seconds is done with a wake-up that comes anyway."""

from __future__ import annotations

import random
from itertools import pairwise

from agent_sidecar.lease import LEASE, RENEWAL
from agent_sidecar.upkeep import Upkeep


def test_a_sidecar_that_beats_each_ten_seconds_is_never_woken_for_it() -> None:
    done: list[float] = []
    upkeep, now, chance = Upkeep(done.append), 0.0, random.Random(1)
    upkeep.tick(now)
    for _ in range(360):
        now += 10 * chance.uniform(0.98, 1.02)
        assert upkeep.due > now
        upkeep.tick(now)
    pauses = [later - sooner for sooner, later in pairwise(done)]
    assert max(pauses) <= RENEWAL


def test_who_is_awake_all_the_time_does_it_seldom() -> None:
    done: list[float] = []
    upkeep = Upkeep(done.append)
    for tenth in range(36_000):
        upkeep.tick(tenth / 10)
    assert len(done) <= 3600 / (RENEWAL / 2)


def test_who_is_woken_for_nothing_else_does_it_when_it_is_due() -> None:
    done: list[float] = []
    upkeep = Upkeep(done.append, lambda _now: done.append(-1.0))
    upkeep.tick(5.0)
    assert (done, upkeep.due) == ([5.0, -1.0], 5.0 + RENEWAL)
    upkeep.tick(6.0)
    assert len(done) == 2
    upkeep.tick(upkeep.due)
    assert len(done) == 4


def test_two_renewals_may_be_late() -> None:
    assert 2 * RENEWAL < LEASE
