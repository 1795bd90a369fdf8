"""Steps of a pair that stories at random do not reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.contract.vocabulary import Check, Plane
from fleet.domain.agent_view import AgentView, PlaneView
from fleet.domain.failover.life import Known, Step, needs_a_person, step, taken
from fleet.domain.failover.pair import SETTLE, TTL, Cause, Pair, Phase
from fleet.domain.failover.settling import Settling
from fleet.domain.failover.signs import Said, Signs, signs_of
from fleet.domain.verdict import Verdict
from tests.support.agent_views import agent_view

AT = 10_000.0


def view(state: Verdict = Verdict.OK, *, epoch: int, active: int, check: Check) -> AgentView:
    numbers = {"pair_epoch": epoch, "pair_active": active, "pair_fences": 1}
    return agent_view("bob", state, metrics=numbers, planes={Plane.PROCESS: PlaneView(check, 40.0)})


def changed_as_planned() -> Pair:
    """Ada laid down as asked, and bob has just begun: steady."""
    pair = taken(Pair("p", "ada", "bob", auto=True), Step.CHANGE, Cause.ASKED, AT)
    laid_down = Signs(False, said=Said(pair.epoch, False, True))
    pair = step(pair, Known(laid_down, Signs(False), over=False), AT)
    begun = signs_of(view(epoch=pair.epoch, active=1, check=Check.FAIL), True)
    pair = step(pair, Known(begun, laid_down, over=False), AT)
    assert (pair.active, pair.phase) == ("bob", Phase.STEADY)
    return pair


@pytest.mark.parametrize("state", [Verdict.OK, Verdict.OFFLINE])
def test_at_first_only_silence_is_a_death_of_who_was_just_made_active(state: Verdict) -> None:
    pair = changed_as_planned()
    stood_by = signs_of(view(state, epoch=pair.epoch, active=1, check=Check.FAIL), True)
    known = Known(stood_by, Signs(False), over=False)
    dead = Phase.STEADY if state is Verdict.OK else Phase.FENCING
    assert step(pair, known, AT + 1).phase is dead
    assert step(pair, known, AT + SETTLE - 1).phase is dead
    assert step(pair, known, AT + SETTLE).phase is Phase.FENCING


def test_a_new_pair_waits_for_the_word_of_who_is_not_to_be_active_though_it_never_had_a_lease() -> (
    None
):
    new = Pair("p", "bob", "ada", phase=Phase.FENCING, since=AT)  # ada is to be active
    unheard = Known(Signs(False, said=Said(0, True, False)), Signs(False), over=True)
    assert step(new, unheard, AT + 5) is new
    laid_down = Known(Signs(False, said=Said(1, False, False)), Signs(False), over=True)
    after = step(new, laid_down, AT + 6)
    assert (after.active, after.phase) == ("ada", Phase.PROMOTING)


def test_a_new_pair_whose_standby_starts_late_calls_for_a_person_and_does_not_make_it_active() -> (
    None
):
    new = Pair("p", "bob", "ada", phase=Phase.FENCING, since=AT)
    absent = Known(Signs(True), Signs(False), over=True)
    assert not needs_a_person(new, AT + TTL)
    assert step(new, absent, AT + 600) is new
    assert needs_a_person(new, AT + 600)
    laid_down = Known(Signs(False, said=Said(1, False, True)), Signs(False), over=True)
    after = step(new, laid_down, AT + 601)
    assert (after.active, after.phase) == ("ada", Phase.PROMOTING)
    assert not needs_a_person(after, AT + 601)


def test_a_death_soon_after_a_change_counts_once_both_sources_had_found_it_well() -> None:
    pair, settling = changed_as_planned(), Settling()
    well = signs_of(view(epoch=pair.epoch, active=1, check=Check.PASS), False)
    dead = signs_of(view(epoch=pair.epoch, active=1, check=Check.FAIL), True)
    before = signs_of(view(epoch=pair.epoch - 1, active=1, check=Check.PASS), False)
    for unsettled in (dead, before, replace(well, gone=None)):
        assert not settling.look(pair, unsettled, AT + 30)
    assert not settling.look(pair, well, AT + 1)  # from when it was active before, perhaps
    assert settling.look(pair, well, AT + 30)
    known = Known(dead, Signs(False), over=False, settled=settling.look(pair, dead, AT + 31))
    assert step(pair, known, AT + 31).phase is Phase.FENCING
    assert not settling.look(replace(pair, epoch=pair.epoch + 1), well, AT + 32)
