"""Steps of a pair that stories at random do not reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.contract.vocabulary import Check, PairRole, Plane
from fleet.domain.agent_view import AgentView, PlaneView
from fleet.domain.failover.advice import advice
from fleet.domain.failover.life import Known, Step, needs_a_person, step, taken
from fleet.domain.failover.pair import BEGIN, SETTLE, TTL, Cause, Pair, Phase
from fleet.domain.failover.settling import Settling
from fleet.domain.failover.signs import Presence, Said, Signs, signs_of
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


NEVER_HEARD = signs_of(agent_view("ada", Verdict.UNKNOWN), None)


@pytest.mark.parametrize(
    ("state", "age", "presence"),
    [
        (Verdict.OK, 1.0, Presence.UP),
        (Verdict.LATE, 20.0, Presence.UP),
        (Verdict.STALE, 60.0, Presence.SUSPECT),
        (Verdict.OFFLINE, 60.0, Presence.SUSPECT),
        (Verdict.UNKNOWN, None, Presence.UNKNOWN),
        (Verdict.UNKNOWN, 600.0, Presence.UNKNOWN),  # from before the hub's start
        (Verdict.UNKNOWN, 1.0, Presence.UP),  # it speaks, and nothing of it is watched
        (Verdict.GHOST, None, Presence.UNKNOWN),  # revoked, and forgotten
        (Verdict.GHOST, 600.0, Presence.UNKNOWN),
        (Verdict.GHOST, 1.0, Presence.UP),
    ],
)
def test_an_unknown_is_no_sign_of_life(
    state: Verdict, age: float | None, presence: Presence
) -> None:
    passed = {Plane.PROCESS: PlaneView(Check.PASS, age)}
    assert signs_of(agent_view("ada", state, age=age, planes=passed), None).presence is presence


@pytest.mark.parametrize("phase", Phase)
def test_nothing_begins_or_is_well_by_an_agent_that_was_never_heard(phase: Phase) -> None:
    """At a hub's start, while leases that the last hub gave may still run."""
    for cause in Cause:
        pair = Pair("p", "ada", "bob", auto=True, epoch=7, phase=phase, cause=cause, since=AT)
        assert step(pair, Known(NEVER_HEARD, NEVER_HEARD, over=False), AT + 20) is pair


def test_a_pair_whose_active_agent_is_not_heard_once_its_lease_is_over_calls_for_a_person() -> None:
    pair = Pair("p", "ada", "bob", auto=True, epoch=7, phase=Phase.STEADY, since=AT)
    frozen = Known(NEVER_HEARD, Signs(False), over=True, frozen=True)
    assert step(pair, frozen, AT + 60) is pair
    after = step(pair, Known(NEVER_HEARD, Signs(False), over=True), AT + 60)
    assert (after.phase, after.cause, after.epoch) == (Phase.MANUAL, Cause.UNHEARD, 7)
    assert step(after, Known(NEVER_HEARD, Signs(False), over=True), AT + 70) is after
    assert after.roles()[0] is PairRole.ACTIVE, "it may go on, if it is there"
    back = step(after, Known(Signs(False), Signs(False), over=False), AT + 80)
    assert (back.phase, back.cause) == (Phase.STEADY, Cause.RETURNED)
    dead = step(after, Known(Signs(True, True), Signs(False), over=True), AT + 80)
    assert dead.phase is Phase.FENCING, "two sources say by now that it is down"
    lately = replace(after, failed_over=AT)
    known = Known(Signs(True, True), Signs(False), over=True)
    assert step(lately, known, AT + 80) is lately, "twice within the hour only by a person"


def test_nobody_is_made_active_who_was_never_heard() -> None:
    new = Pair("p", "bob", "ada", phase=Phase.FENCING, since=AT)  # ada is to be active
    laid_down = Signs(False, said=Said(1, False, True))
    assert step(new, Known(laid_down, NEVER_HEARD, over=True), AT + 60) is new
    assert needs_a_person(new, AT + 60)
    assert step(new, Known(laid_down, Signs(False), over=True), AT + 61).active == "ada"


def promoted() -> Pair:
    return Pair("p", "bob", "ada", auto=True, epoch=7, phase=Phase.PROMOTING, since=AT)


STANDS_BY = Said(7, active=False, fences=True)
SILENT_BY_ONE = Signs(True, None, STANDS_BY)
TRIES = Signs(False, said=Said(6, active=True, fences=False))
"""Its `activate` fails again and again."""


@pytest.mark.parametrize("bob", [NEVER_HEARD, SILENT_BY_ONE, TRIES, Signs(False)])
def test_who_was_promoted_and_does_not_begin_calls_for_a_person_in_the_end(bob: Signs) -> None:
    pair = promoted()
    known = Known(bob, Signs(False), over=True)
    assert step(pair, known, AT + BEGIN - 1) is pair
    assert step(pair, replace(known, frozen=True), AT + BEGIN) is pair, "it is the broker"
    assert step(pair, replace(known, led=False), AT + BEGIN) is pair, "it may be about to say so"
    after = step(pair, known, AT + BEGIN)
    assert (after.phase, after.cause, after.active) == (Phase.MANUAL, Cause.NOT_BEGUN, "bob")
    assert needs_a_person(after, AT + BEGIN)
    assert after.roles() == (PairRole.ACTIVE, PairRole.MANUAL), "it may still begin, and alone"
    up = replace(known, active=TRIES)
    assert step(after, up, AT + 600) is after, "to be up is not to have begun"
    begun = replace(known, active=Signs(False, said=Said(after.epoch, active=True, fences=True)))
    assert step(after, begun, AT + 601).phase is Phase.STEADY
    assert taken(after, Step.FENCED, Cause.ASKED, AT + 602).active == "ada", "or a person says so"


def test_who_falls_silent_by_one_source_alone_calls_for_a_person_once_its_lease_is_over() -> None:
    pair = Pair("p", "ada", "bob", auto=True, epoch=7, since=AT)
    silent = Signs(True, None, Said(7, active=True, fences=True))
    assert step(pair, Known(silent, Signs(False), over=False), AT + 600) is pair
    assert step(pair, Known(silent, Signs(False), over=True, frozen=True), AT + 600) is pair
    ill = replace(silent, by_checks=True)  # it is heard, so its lease is renewed
    assert step(pair, Known(ill, Signs(False), over=True), AT + 600) is pair
    after = step(pair, Known(silent, Signs(False), over=True), AT + 600)
    assert (after.phase, after.cause, after.epoch) == (Phase.MANUAL, Cause.UNHEARD, 7)
    gone = Known(replace(silent, gone=True), Signs(False), over=True)
    assert step(after, gone, AT + 601).phase is Phase.FENCING, "the second source speaks late"


@pytest.mark.parametrize(
    ("pair", "presences", "look", "command"),
    [
        (promoted(), ("up", "up"), None, ""),
        (taken(promoted(), Step.STUCK, Cause.NOT_BEGUN, AT), ("up", "up"),
         "try its `activate`", "fleet pair failover p"),
        (taken(promoted(), Step.STUCK, Cause.NOT_BEGUN, AT), ("suspect", "up"),
         "try its `activate`", "fleet pair failover p --stopped"),
        (Pair("p", "ada", "bob", phase=Phase.MANUAL, cause=Cause.TOO_SOON), ("down", "up"),
         "is ada stopped?", "fleet pair failover p --stopped"),
        (Pair("p", "ada", "bob", phase=Phase.FENCING), ("up", "unknown"),
         "bob is to be active", "fleet status bob"),
        (Pair("p", "ada", "bob", phase=Phase.FENCING), ("up", "up"),
         "`deactivate`", "fleet status ada"),
        (Pair("p", "ada", "bob", phase=Phase.FENCING), ("suspect", "up"),
         "or if it is stopped", "fleet pair failover p --stopped"),
    ],
)  # fmt: skip
def test_a_person_is_told_what_can_be_done(
    pair: Pair, presences: tuple[str, str], look: str | None, command: str
) -> None:
    found = advice(pair, *map(Presence, presences), AT)
    if look is None:
        assert found is None
    else:
        assert found is not None
        assert look in found.look
        assert found.command == command
