"""What the hub knows of one agent of a pair at a moment: up, suspect or down, and what it says.

Two sources: its own telemetry makes it suspect, and only another source makes it down.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.contract.vocabulary import Check, Plane, Word
from fleet.domain.agent_view import AgentView
from fleet.domain.failover.pair import EPOCHS_SAID
from fleet.domain.liveness import stale_at
from fleet.domain.verdict import Verdict

EPOCH, ACTIVE, FENCES, PEER_UP = "pair_epoch", "pair_active", "pair_fences", "pair_peer_up"
"""The metrics by which an agent of a pair speaks of it."""


class Presence(Word):
    """What is held of an agent."""

    UP = "up", "it says that it is well"
    UNKNOWN = "unknown", "nothing was heard of it, so that nothing speaks for it nor against it"
    SUSPECT = "suspect", "it is silent, or says that it is down itself: one source"
    DOWN = "down", "a second source says so, too"


@dataclass(frozen=True, slots=True)
class Said:
    """What an agent said of its role last, in its present session.

    Attributes:
        epoch: the last two digits of the newest that it knows.
        active: whether it is active, or may be: it is not only when `deactivate` has ended well.
        fences: whether it lays down by itself when its lease is over.
        peer_up: whether the other's endpoint answers it; None: it does not look.
    """

    epoch: int
    active: bool
    fences: bool
    peer_up: bool | None = None

    def has_laid_down(self, epoch: int) -> bool:
        """Whether it knows this epoch and is not active: then it takes no older one up again."""
        return self.epoch == epoch % EPOCHS_SAID and not self.active

    def has_begun(self, epoch: int) -> bool:
        return self.epoch == epoch % EPOCHS_SAID and self.active


@dataclass(frozen=True, slots=True)
class Signs:
    """Of one agent: `suspect` by its own telemetry; `gone` by a second source, None: it says
    nothing. `boot` and `seq` name its newest message; `by_checks`: its checks alone make it
    suspect, it is not silent; `well`: they pass; `heard`: of late, or its silence is known."""

    suspect: bool
    gone: bool | None = None
    said: Said | None = None
    boot: int | None = None
    seq: int | None = None
    by_checks: bool = False
    well: bool = False
    heard: bool = True

    @property
    def presence(self) -> Presence:
        if not self.heard:
            return Presence.UNKNOWN
        if not self.suspect:
            return Presence.UP
        return Presence.DOWN if self.gone else Presence.SUSPECT


SILENT = frozenset({Verdict.OFFLINE, Verdict.STALE})
"""Verdicts that make an agent suspect."""

SAYS_NOTHING_OF_TIME = frozenset({Verdict.UNKNOWN, Verdict.GHOST})
"""Verdicts also of one that was never heard, or not since the hub's start."""

FAILING = (Plane.PROCESS, Plane.ENDPOINT)
"""Planes that do, where it is active: one that has laid down need not even run."""


def said_by(view: AgentView) -> Said | None:
    """What an agent says of its role; None: it is in no pair, as far as it says."""
    numbers = view.metrics
    if EPOCH not in numbers:
        return None
    peer = numbers.get(PEER_UP)
    return Said(
        int(numbers[EPOCH]),
        numbers.get(ACTIVE, 1) != 0,
        numbers.get(FENCES, 0) == 1,
        None if peer is None else peer == 1,
    )


def signs_of(view: AgentView, gone: bool | None) -> Signs:
    """`gone`: what second sources say, together."""
    said, heard = said_by(view), _is_heard(view)
    found = {view.checks.get(plane) for plane in FAILING} if heard else set()
    fails, passes = Check.FAIL in found, Check.PASS in found
    silent = view.state in SILENT
    by_checks = not silent and fails and (said is None or said.active)
    well = passes and not (silent or fails)
    return Signs(silent or by_checks, gone, said, view.boot, view.seq, by_checks, well, heard)


def _is_heard(view: AgentView) -> bool:
    if view.state not in SAYS_NOTHING_OF_TIME:
        return True
    return view.age is not None and view.age < stale_at(0.0, view.interval)
