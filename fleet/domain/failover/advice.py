"""What a person is to look at where a pair goes no further by itself, and what to type then."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.domain.failover.life import needs_a_person
from fleet.domain.failover.pair import Cause, Pair, Phase
from fleet.domain.failover.signs import Presence


@dataclass(frozen=True, slots=True)
class Advice:
    """`look`: what at; `command`: what to type then."""

    look: str
    command: str


def advice(pair: Pair, active: Presence, standby: Presence, now: float) -> Advice | None:
    """None: nobody is needed. `active` and `standby`: what is held of the two."""
    if not needs_a_person(pair, now):
        return None
    stopped = "" if active is Presence.UP else " --stopped"
    command = f"fleet pair failover {pair.name}{stopped}"
    if pair.phase is not Phase.MANUAL:
        return _of_a_new_pair(pair, active, standby, command)
    if pair.cause is Cause.NOT_BEGUN:
        look = f"{pair.active} was promoted and has not said that it began: try its `activate`"
        return Advice(f"{look}; or make the other one active", command)
    return Advice(f"is {pair.active} stopped? Look where it runs; if it is", command)


def _of_a_new_pair(pair: Pair, active: Presence, standby: Presence, command: str) -> Advice:
    """Who is not to be active in it is named active until it has laid down."""
    if standby is not Presence.UP:
        look = f"{pair.standby} is to be active, and is not up; look at its sidecar"
        return Advice(look, f"fleet status {pair.standby}")
    look = (
        f"{pair.active} must say once that it has laid down; look at its sidecar and `deactivate`"
    )
    if active is Presence.UP:
        return Advice(look, f"fleet status {pair.active}")
    return Advice(f"{look}; or if it is stopped", command)
