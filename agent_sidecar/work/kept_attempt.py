"""What an earlier sidecar made and could not hand over any more: brought at the next start, before
its task is claimed and done once more. Whether it still counts the hub says.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from functools import partial
from typing import Final

from agent_sidecar.work.collect import BadOutput
from agent_sidecar.work.hand_over import PATIENCE, HandOver, why_not_brought
from agent_sidecar.work.hub import HubAway, OnProgress, WorkHub, untold
from agent_sidecar.work.kept_results import KeptResult, forget_claim
from agent_sidecar.work.renewal import Renewal
from agent_sidecar.work.task_folder import remove_tree
from fleet.contract.errors import FleetError
from fleet.contract.work_vocabulary import TaskReason, TaskState

log = logging.getLogger(__name__)

SOON: Final = 15.0
"""Seconds in which a hub that answers has said whether it takes a result."""


class KeptAttempt:
    """Hands `kept` over; see `TaskAttempt`. Its lease is taken for one that ran out: the renewal
    asks for it first, and has it again where nobody has claimed the task since."""

    def __init__(
        self, hub: WorkHub, kept: KeptResult, told: OnProgress = untold, *, once: bool = False
    ) -> None:
        self._hub = hub
        self._kept = kept
        self._tell = told
        claim = kept.claim
        self._renewal = Renewal(
            hub,
            claim,
            time.monotonic() - claim.lease,
            PATIENCE,
            evidence=object,
            progress=lambda: 0,
            extended=lambda _until: None,
            over=self.end,
        )
        self._renewal.has_result = True
        self._hand_over = HandOver(hub, claim, self._renewal)
        self._hand_over.patience = SOON if once else PATIENCE

    def run(self) -> TaskReason | None:
        """Hand it over; why it was not, or None: it was."""
        claim = self._kept.claim
        self._renewal.start()
        try:
            reason = self._bring()
        finally:
            self._renewal.stop()
        if reason is None:
            state = TaskState.INPUT_REQUIRED if self._kept.asks else TaskState.COMPLETED
            self._tell(claim, state, 0 if self._kept.asks else 100, None)
            log.info("task %s: what was made before a stop is handed over", claim.task)
            forget_claim(self._kept.place)
            with suppress(OSError):  # it goes by itself after a day
                remove_tree(self._kept.place)
        return reason

    def end(self, _reason: TaskReason, _at_once: bool) -> None:
        """Nobody waits for it any more; what is not brought at once is left to the next start."""
        self._hand_over.stopped = True

    def waits(self, kind: str) -> bool:
        """Whether it is of that kind, and the hub has not given its lease back: until then the next
        of its kind may be the very task that it is of."""
        return self._kept.claim.kind == kind and self._hand_over.waits

    def _bring(self) -> TaskReason | None:
        try:
            with self._kept.opened() as outputs:
                self._hand_over.bring(outputs, self._kept.asks)
        except BadOutput as error:
            return self._not_brought(error.reason, str(error))
        except OSError as error:
            return self._not_brought(TaskReason.OUTPUT_MISSING, error.strerror or "")
        except HubAway as error:
            log.warning("task %s: what was made before a stop is not handed over yet: %s",
                        self._kept.claim.task, error.why)  # fmt: skip
            return TaskReason.LEASE_EXPIRED
        except FleetError as error:
            return self._not_brought(why_not_brought(error), error.why)
        return None

    def _not_brought(self, reason: TaskReason, why: str) -> TaskReason:
        """It is decided; the hub hears of it where it does not know."""
        log.warning("task %s: what was made before a stop is not taken, and stays in %s: %s",
                    self._kept.claim.task, self._kept.place, why)  # fmt: skip
        forget_claim(self._kept.place)
        if reason is not TaskReason.LEASE_EXPIRED:
            with suppress(FleetError):  # the lease ends by itself
                self._hand_over.insist(partial(self._hub.fail, self._kept.claim, reason))
        return reason
