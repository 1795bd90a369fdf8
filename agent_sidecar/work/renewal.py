"""Holds a claim while its worker gets on: progress renews a lease, not the life of a process.

A thread of its own, so that neither a slow upload nor a slow worker delays it. It says once why the
claim is over, and hands the end of each lease on to the supervisor, which keeps it by itself.

A worker must be gone when its lease is. A result is not: while the hub is away it is asked again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from agent_sidecar import machine_time
from agent_sidecar.work.hub import Claim, HubAway, LeaseLost, NotAdmitted, WorkHub
from fleet.contract.errors import FleetError
from fleet.contract.work_vocabulary import TaskReason

log = logging.getLogger(__name__)

LOOK: Final = 0.25
"""Seconds between two looks at whether the worker got on: what a stall is noticed late by."""

MARGIN: Final = 1.0
"""Seconds before the end of a lease at which it is given up: the hub's begins earlier than ours,
and the worker must be gone by then."""


class Renewal:
    """Renews `claim`, which was made at `begun` (monotonic s).

    Args:
        stall: s without progress after which nothing is renewed.
        evidence: changes whenever the worker got on. progress: 0 to 100.
        extended: told the end of each lease (monotonic s).
        over: told once why the worker must end, and whether at once.

    Attributes:
        until: when the lease ends for us (monotonic s). lost: it is not ours any more.
        watching: whether a worker runs; else we get on by ourselves, bringing or handing over.
        has_result: nothing runs any more, and what was made waits: a lease that ran out is not
            given up before the hub says so.
    """

    def __init__(
        self,
        hub: WorkHub,
        claim: Claim,
        begun: float,
        stall: float,
        evidence: Callable[[], object],
        progress: Callable[[], int],
        extended: Callable[[float], None],
        over: Callable[[TaskReason, bool], None],
    ) -> None:
        self._hub = hub
        self._claim = claim
        self._stall = stall
        self._evidence = evidence
        self._progress = progress
        self._extended = extended
        self._over = over
        self._done = threading.Event()
        self.until = begun + claim.lease - MARGIN
        self._next = begun + claim.lease / 3
        self._thread = threading.Thread(target=self._run, name=f"renew {claim.task}", daemon=True)
        self._slept = _slept_at_most()
        self._away = False
        self.lost = False
        self.watching = False
        self.has_result = False

    @property
    def ran_out(self) -> bool:
        """Whether the lease is over for us, as far as the hub has not given it back."""
        return time.monotonic() >= self.until

    def may_pass(self, error: FleetError) -> bool:
        """Whether the same may be asked again: a hub that is away comes back, and where a result
        waits a token that is wrong is mended."""
        return isinstance(error, HubAway) or (self.has_result and isinstance(error, NotAdmitted))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Renew no more; twice is safe."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        seen, seen_at = self._evidence(), time.monotonic()
        while not self._done.wait(LOOK):
            slept = machine_time.now() - time.monotonic()  # at least
            now = time.monotonic()
            if slept - self._slept >= LOOK:  # the hub counted on, and may have given it away
                self.until, self._next = self.until - (slept - self._slept), now
                self._slept = slept
            found = self._evidence() if self.watching else object()
            if found != seen:
                seen, seen_at = found, now
            if now - seen_at >= self._stall:
                self._over(TaskReason.WORKER_STALLED, False)
                return
            if now >= self.until and not self.has_result:
                self._lose()
                return
            if now >= self._next and not self._renew(now):
                return

    def _renew(self, now: float) -> bool:
        """Whether to go on."""
        self._next = now + self._claim.lease / 3
        try:
            lease, called_off = self._asked()
        except LeaseLost:
            self._lose()
            return False
        except FleetError as error:
            if not self.may_pass(error):
                log.warning("the hub does not renew %s: %s", self._claim.task, error.why)
                self._lose()
                return False
            level = logging.DEBUG if self._away else logging.WARNING
            log.log(level, "the lease of %s is not renewed yet: %s", self._claim.task, error.why)
            self._away = True
            self._next = now + self._claim.lease / 12
            return True
        self._away = False
        self._slept = _slept_at_most()  # what it gives is counted from its answer on
        self.until = now + lease - MARGIN
        self._next = now + lease / 3
        self._extended(self.until)
        if called_off:
            self._over(TaskReason.CANCEL_ASKED, False)
        return not called_off

    def _asked(self) -> tuple[float, bool]:
        """What the hub gives; to a worker that lives nothing once the lease is over there."""
        late = self.has_result and self.ran_out
        try:
            return self._hub.renew(self._claim, self._progress(), late)
        except LeaseLost:
            if late or not self.has_result:
                raise
        return self._hub.renew(self._claim, self._progress(), True)  # it ended there before here

    def _lose(self) -> None:
        self.lost = True
        self._over(TaskReason.LEASE_EXPIRED, True)


def _slept_at_most() -> float:
    """Seconds that the machine slept: monotonic time stands still meanwhile. It is read first here,
    and last at each look, so that no pause between two readings is taken for a sleep."""
    awake = time.monotonic()
    return machine_time.now() - awake
