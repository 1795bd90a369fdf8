"""At the start of the loop: what a killed sidecar left half done goes back before all else.

Also what it left under another name: an agent that was renamed in the middle is the same one.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from agent_sidecar.lock import exclusive
from agent_sidecar.work.task_folder import remove_tree
from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.journal import FILE, SNAPSHOT, UNFINISHED, Journal
from agent_sidecar.work.update.updater import Updater
from agent_sidecar.work.update_plan import UpdatePlan
from fleet.contract.errors import FleetError

log = logging.getLogger(__name__)


def recover(plan: UpdatePlan | None, state: Path) -> None:
    """Take it back, if there is something to take back."""
    if plan is not None:
        _take_over(plan.what, state)
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


def _take_over(what: str, state: Path) -> None:
    """The note of an update of the same thing under another name is ours, if it is newer than our
    own and nobody works by that name."""
    for path in sorted(state.parent.parent.glob(f"*/{state.name}/{FILE}")):
        former = path.parent
        if former == state or not os.access(path, os.R_OK) or not _is_ours(former, what, state):
            continue
        try:
            with exclusive(former, other="another agent-sidecar with FLEET_WORK"):
                if _is_ours(former, what, state):
                    _move(former, state)
        except FleetError as error:  # it is at work under that name
            log.info("the update of %s stays its own: %s", former.parent.name, error.why)
        except OSError as error:
            log.critical("the update of %s is not ours: %s", former.parent.name, error.strerror)
        else:
            log.warning("the update of %s is ours: it had that name", former.parent.name)


def _is_ours(former: Path, what: str, state: Path) -> bool:
    """Ids of rollouts are in the order in which they were made."""
    note, own = Journal(former).read(), Journal(state).read()
    return note is not None and note.what == what and (own is None or own.rollout < note.rollout)


def _move(former: Path, state: Path) -> None:
    """The snapshot first: who is killed in between finds the note again."""
    snapshot = former / SNAPSHOT
    if snapshot.exists():
        if (state / SNAPSHOT).exists():
            remove_tree(state / SNAPSHOT)
        snapshot.rename(state / SNAPSHOT)
    (former / FILE).rename(state / FILE)
