"""At the start of the loop: what a killed sidecar left half done goes back before all else."""

from __future__ import annotations

import logging
from pathlib import Path

from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.journal import UNFINISHED, Journal
from agent_sidecar.work.update.updater import Updater
from agent_sidecar.work.update_plan import UpdatePlan

log = logging.getLogger(__name__)


def recover(plan: UpdatePlan | None, state: Path) -> None:
    """Take it back, if there is something to take back."""
    note = Journal(state).read()
    if note is None or note.phase not in UNFINISHED:
        return
    if plan is None:
        log.critical("an update to %s was cut off, and [update] is gone", note.version)
        return
    try:
        Updater(plan, state, Commands(plan.timeout, plan.environment)).recover()
    except OSError as error:
        log.critical("an update to %s was cut off: %s", note.version, error.strerror)
