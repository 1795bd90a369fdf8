"""The life of a pair; every change is in one table, and nobody begins before the other is fenced.

`step` is asked again and again, with what is known by then; it gives the pair as it is from now on.
A new epoch is stored before anybody hears of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fleet.contract.vocabulary import Word
from fleet.domain.failover.pair import APART, BEGIN, GRACE, SETTLE, TTL, Cause, Pair, Phase
from fleet.domain.failover.signs import Presence, Signs


class Step(Word):
    """What can happen to a pair."""

    CHANGE = "change", "the standby is to become active"
    STOP = "stop", "it should become active, and a person must say so"
    FENCED = "fenced", "the one that was active has laid down, for certain or by its word"
    STUCK = "stuck", "it has not, and nothing makes it"
    BEGUN = "begun", "the new one is active"
    BACK = "back", "the one that was active is up again"


STEPS: Final = {
    (Phase.STEADY, Step.CHANGE): Phase.FENCING,
    (Phase.STEADY, Step.STOP): Phase.MANUAL,
    (Phase.STEADY, Step.FENCED): Phase.PROMOTING,
    (Phase.FENCING, Step.FENCED): Phase.PROMOTING,
    (Phase.FENCING, Step.STUCK): Phase.MANUAL,
    (Phase.FENCING, Step.BACK): Phase.STEADY,
    (Phase.PROMOTING, Step.BEGUN): Phase.STEADY,
    (Phase.PROMOTING, Step.CHANGE): Phase.FENCING,
    (Phase.PROMOTING, Step.STUCK): Phase.MANUAL,
    (Phase.PROMOTING, Step.FENCED): Phase.PROMOTING,
    (Phase.MANUAL, Step.BACK): Phase.STEADY,
    (Phase.MANUAL, Step.CHANGE): Phase.FENCING,
    (Phase.MANUAL, Step.FENCED): Phase.PROMOTING,
}
"""From each phase, by what happens; anything else changes nothing."""

SWAPS: Final = Step.FENCED
"""The step with which the other one is named active."""

WAITS_FOR_SIGNS: Final = frozenset({Cause.STANDBY_DOWN, Cause.UNHEARD})
"""Why a person is asked only as long as not more is known."""

SAME_EPOCH: Final = frozenset({Step.BEGUN, Step.STOP})
"""Steps after which the leases that were given still hold: no role changes hands."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at a moment. `over`: every lease of the active agent is over, and it has had
    the time to lay down; `frozen`: the broker is in doubt; `settled`: both sources have found the
    active agent well in its present role; `led`: this hub has led for as long as a lease lasts, so
    that who would speak has spoken."""

    active: Signs
    standby: Signs
    over: bool
    frozen: bool = False
    settled: bool = False
    led: bool = True


def renamed(pair: Pair, old: str, new: str, now: float) -> Pair:
    """The pair with another name for one of its agents. It is a new epoch: what the old name said
    or was told counts no more, and no role changes hands."""
    if old not in pair.agents:
        return pair
    active, standby = (new if agent == old else agent for agent in pair.agents)
    return replace(pair, active=active, standby=standby, epoch=pair.epoch + 1, since=now)


def step(pair: Pair, known: Known, now: float) -> Pair:
    """The pair after what is known at `now` (s since the epoch); the same one: nothing changed."""
    found = _next(pair, known, now)
    return pair if found is None else taken(pair, *found, now)


def taken(pair: Pair, what: Step, cause: Cause, now: float) -> Pair:
    """The pair after a step; itself where the table has none."""
    phase = STEPS.get((pair.phase, what))
    if phase is None:
        return pair
    active, standby = pair.agents
    if what is SWAPS:
        active, standby = standby, active
    by_itself = what is Step.FENCED and cause is Cause.DOWN
    return replace(
        pair,
        active=active,
        standby=standby,
        phase=phase,
        cause=cause,
        since=now,
        epoch=pair.epoch + (what not in SAME_EPOCH),
        failed_over=now if by_itself else pair.failed_over,
    )


def _next(pair: Pair, known: Known, now: float) -> tuple[Step, Cause] | None:
    active, standby = known.active.presence, known.standby.presence
    if pair.phase is Phase.STEADY:
        if _is_dead(pair, known, now):
            return _on_death(pair, standby, now)
        return (Step.STOP, Cause.UNHEARD) if _is_lost(known) else None
    if pair.phase is Phase.FENCING:
        return _while_fencing(pair, known)
    if pair.phase is Phase.PROMOTING:
        if _has_begun(pair, known):
            return Step.BEGUN, pair.cause
        late = known.led and not known.frozen and now - pair.since >= BEGIN
        return (Step.STUCK, Cause.NOT_BEGUN) if late or _is_dead(pair, known, now) else None
    if active is Presence.UP and (pair.cause is not Cause.NOT_BEGUN or _has_begun(pair, known)):
        return Step.BACK, Cause.RETURNED
    ready = active is Presence.DOWN and standby is Presence.UP and not known.frozen
    if pair.cause in WAITS_FOR_SIGNS and ready and pair.auto:
        found = _on_death(pair, standby, now)
        # Who waits for a standby has waited out the pause between two changes before.
        return found if found[0] is Step.CHANGE or pair.cause is not Cause.UNHEARD else None
    return None


def _has_begun(pair: Pair, known: Known) -> bool:
    said = known.active.said
    return said is not None and said.has_begun(pair.epoch)


def _is_lost(known: Known) -> bool:
    """Nothing is heard of the active agent, so that nobody is active once it has fenced itself; and
    no second source says that it is down."""
    silent = known.active.presence is not Presence.UP and not known.active.by_checks
    return silent and known.over and not known.frozen


def _is_dead(pair: Pair, known: Known, now: float) -> bool:
    """Of one that has only just been made active, both sources may still speak of before."""
    settled = not known.active.by_checks or known.settled or now - pair.since >= SETTLE
    return known.active.presence is Presence.DOWN and settled and not known.frozen


def _on_death(pair: Pair, standby: Presence, now: float) -> tuple[Step, Cause]:
    if not pair.auto:
        return Step.STOP, Cause.NOT_AUTO
    if pair.failed_over is not None and now - pair.failed_over < APART:
        return Step.STOP, Cause.TOO_SOON
    if standby is not Presence.UP:
        return Step.STOP, Cause.STANDBY_DOWN
    return Step.CHANGE, Cause.DOWN


def _while_fencing(pair: Pair, known: Known) -> tuple[Step, Cause] | None:
    """Its own word under this epoch, or its lease and its promise; else nothing fences it."""
    said, up = known.active.said, known.active.presence is Presence.UP
    if known.standby.presence is not Presence.UP:  # nobody to promote
        if pair.cause is Cause.CREATED:
            return None
        if up:
            return Step.BACK, Cause.RETURNED
        return (Step.STUCK, Cause.STANDBY_DOWN) if known.over else None
    if said is not None and said.has_laid_down(pair.epoch):
        return Step.FENCED, pair.cause
    if not known.over:
        return None
    if said is not None and said.fences:
        return Step.FENCED, pair.cause
    if pair.cause is Cause.CREATED:  # nobody was active: none to go back to, however long it takes
        return None
    return Step.STUCK, Cause.NOT_FENCEABLE


def needs_a_person(pair: Pair, now: float) -> bool:
    """Whether nothing more happens by itself, as far as can be told. Who is not to be active in a
    new pair may only not have started yet."""
    waits = pair.phase is Phase.FENCING and pair.cause is Cause.CREATED
    return pair.phase is Phase.MANUAL or (waits and now - pair.since >= TTL + GRACE)
