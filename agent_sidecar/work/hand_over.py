"""From what an attempt made to a task that is completed, also over a hub that is away for a while.

A result costs more than to wait: it is brought when the hub is back, unless the task is another's
by then. What waits past its lease, and what the hub has not taken in the end, is kept here for
whoever looks: the folder of an attempt goes at the next start, however this one ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from agent_sidecar.work.collect import Output
from agent_sidecar.work.hub import (
    BlobMismatch,
    BlobTooLarge,
    BoardEntry,
    Claim,
    HubAway,
    LeaseLost,
    WorkHub,
)
from agent_sidecar.work.kept_results import KEPT, forget_claim
from agent_sidecar.work.renewal import Renewal
from agent_sidecar.work.task_folder import remove_tree
from fleet.contract.backoff import Backoff
from fleet.contract.errors import FleetError
from fleet.contract.work_vocabulary import TaskReason

PATIENCE: Final = 24 * 3600.0
"""Seconds that a result waits for a hub that is away: a night, and the morning after."""

log = logging.getLogger(__name__)


class HandOver:
    """Brings what was made under `claim`.

    Attributes:
        patience: s that it waits for a hub that is away, beyond the end of the lease.
        stopped: nobody waits for it any more; what the hub does not take at once is kept.
    """

    def __init__(self, hub: WorkHub, claim: Claim, renewal: Renewal) -> None:
        self._hub = hub
        self._claim = claim
        self._renewal = renewal
        self.patience = PATIENCE
        self.stopped = False
        self._keep: Callable[[], Path] | None = None
        self._kept: Path | None = None
        self._tried_to_keep = False
        self._guard = threading.Lock()
        """Of what is kept: a stop keeps it from a thread of its own, while the upload goes on."""

    @property
    def waits(self) -> bool:
        """Whether a result is here whose lease ran out, since the hub was away."""
        return self._renewal.has_result and self._renewal.ran_out

    def bring(
        self, outputs: list[Output], asks: bool, keep: Callable[[], Path] | None = None
    ) -> None:
        """Store it, put on the board what is for it, and hand the task back: as done, or as one
        that `asks`. What cannot be brought is kept by `keep`, which says where; None: it is.

        Raises:
            FleetError: the hub did not take it.
        """
        self._keep = keep
        self._renewal.has_result = True
        try:
            self._bring(outputs, asks)
        except FleetError as error:
            self._renewal.has_result = False
            self._keep_it()
            with self._guard:
                self._keep = None
                if self._kept is not None and not isinstance(error, HubAway):
                    forget_claim(self._kept)  # the hub has decided
            raise
        with self._guard:
            self._keep = None  # its files are closed next
            if self._kept is not None:
                forget_claim(self._kept)
                with suppress(OSError):  # it goes by itself after a day
                    remove_tree(self._kept)

    def keep(self) -> None:
        """Nobody waits for the upload that goes on: what was made is not to be lost with it."""
        if self._renewal.has_result and not self._tried_to_keep:
            self._keep_it()

    def _keep_it(self) -> None:
        """In a folder that a start leaves alone."""
        with self._guard:
            if self._keep is None:
                return
            self._tried_to_keep = True
            try:
                self._kept = self._keep()
            except OSError as error:
                log.warning("task %s: what was made is not kept: %s", self._claim.task, error)
            else:
                log.warning("task %s: what was made is kept for %d h in %s",
                            self._claim.task, KEPT / 3600, self._kept)  # fmt: skip

    def _bring(self, outputs: list[Output], asks: bool) -> None:
        for output in outputs:
            self.insist(partial(self._hub.store_blob, self._claim, output.content, output.handle))
        for output in outputs:
            if output.section is not None:
                entry = BoardEntry(output.section, output.name, output.content)
                self.insist(partial(self._hub.put_entry, self._claim, entry))
        end = self._hub.ask if asks else self._hub.complete
        plain = [output.content for output in outputs if output.section is None]
        self.insist(partial(end, self._claim, plain))

    def insist(self, ask: Callable[[], None]) -> None:
        """Ask the hub until it answers, or the lease is over; with a result, for some time more.

        Raises:
            FleetError: it refuses; a lost lease is no news where we were about to fail.
        """
        backoff = Backoff(0.2, 5.0)
        why = "the hub did not answer in time"
        while not self._renewal.lost:
            if not self._renewal.ran_out:  # else the renewal asks for it, and first
                try:
                    ask()
                except FleetError as error:
                    if not self._renewal.may_pass(error):
                        raise
                    why = error.why
                else:
                    return
            elif self.waits and not self._tried_to_keep:
                self._keep_it()  # whatever ends this process may ask nobody first
            patience = self.patience if self._renewal.has_result else 0.0
            if self.stopped or time.monotonic() >= self._renewal.until + patience:
                raise HubAway("the hub is away for longer than the lease", why, "")
            log.debug("asking the hub again: %s", why)
            time.sleep(backoff.failed(time.monotonic()))
        raise LeaseLost("the lease ran out", "the task is another's, or over", "")


def why_not_brought(error: FleetError) -> TaskReason:
    """What the hub is told of a result that it did not take."""
    match error:
        case BlobMismatch():
            return TaskReason.DIGEST_MISMATCH
        case BlobTooLarge():
            return TaskReason.OUTPUT_TOO_LARGE
        case LeaseLost() | HubAway():
            return TaskReason.LEASE_EXPIRED
    return TaskReason.OUTPUT_REFUSED
