"""A pair, and what each of its two agents is in it. `life.py` says how it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import PairRole, Word

TTL: Final = 30
"""Seconds that a role lasts; it is renewed at a third of that, with every heartbeat."""

RENEWAL: Final = TTL / 3
"""Seconds between two heartbeats of an agent in a pair, at most."""

GRACE: Final = 8.0
"""Seconds, once a lease is over, in which an agent lays down: its guard looks five times a second,
and `deactivate` may take five seconds."""

EPOCHS_SAID: Final = 100
"""An agent says the last two digits of its epoch: a number among metrics has three at most."""

APART: Final = 3600.0
"""Seconds between two failovers of a pair that nobody asked for: one that changes more often is
itself the trouble."""


SETTLE: Final = 90.0
"""Seconds after a change in which only silence is a death, unless both sources have found the new
active agent well before: what they know may be from when it stood by, and its start may take a
minute."""


BEGIN: Final = 90.0
"""Seconds after which a person is asked, where the one that was made active has not said that it
has begun: its start may take a minute, and one that fails is tried again until then."""


class Phase(Word):
    """Where a pair is."""

    STEADY = "steady", "one is active, the other is its standby"
    FENCING = "fencing", "the active one must lay down before the standby may begin"
    PROMOTING = "promoting", "the other may begin, and has not said yet that it did"
    MANUAL = "manual", "a person must decide"


class Cause(Word):
    """Why it is where it is."""

    CREATED = "created", "it was made so"
    DOWN = "down", "the active agent is down, by two sources"
    ASKED = "asked", "an operator asked for it"
    RETURNED = "returned", "the agent that is named active is there after all"
    NOT_AUTO = "not-auto", "the active agent is down, and the pair does not fail over by itself"
    TOO_SOON = "too-soon", "the active agent is down, less than an hour after the last failover"
    STANDBY_DOWN = "standby-down", "the active agent is down, and the standby is not up"
    UNHEARD = "unheard", "nothing is heard of the active agent, and its lease is over"
    NOT_FENCEABLE = "not-fenceable", "the active agent did not lay down, and does not fence itself"
    NOT_BEGUN = "not-begun", "the standby was promoted, and did not begin"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two agents, by name.

    Attributes:
        active: who is active, or was last; while promoting already the new one.
        auto: whether it fails over without being asked.
        epoch: grows with every change; under one epoch at most one agent is ever active.
        since: when it got into its phase, s since the epoch on the hub's clock.
        failed_over: when it last failed over by itself; None: never.
        removed: it is no pair any more; its epoch is kept, for a later one of its name.
    """

    name: str
    active: str
    standby: str
    auto: bool = False
    epoch: int = 1
    phase: Phase = Phase.STEADY
    cause: Cause = Cause.CREATED
    since: float = 0.0
    failed_over: float | None = None
    removed: bool = False

    @property
    def agents(self) -> tuple[str, str]:
        return self.active, self.standby

    def roles(self) -> tuple[PairRole, PairRole]:
        """What `active` and `standby` are told that they are. While a person must decide, the one
        that was active may go on if it can, unless it was asked to lay down and did not."""
        mine, other = ROLES[self.phase]
        held = self.phase is Phase.MANUAL and self.cause is not Cause.NOT_FENCEABLE
        return PairRole.ACTIVE if held else mine, other


ROLES: Final = {
    Phase.STEADY: (PairRole.ACTIVE, PairRole.STANDBY),
    Phase.FENCING: (PairRole.FENCED, PairRole.PROMOTING),
    Phase.PROMOTING: (PairRole.ACTIVE, PairRole.FENCED),
    Phase.MANUAL: (PairRole.FENCED, PairRole.MANUAL),
}
"""By phase: of the agent that is named active, and of the other."""
