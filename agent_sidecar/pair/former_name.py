"""A sidecar that was restarted by another name goes on with the role that its agent has.

Else the guard of before would lay the agent down when the lease of the old name is over, behind the
back of the one that has a lease by the new name.
"""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from pathlib import Path

from agent_sidecar.lock import exclusive
from agent_sidecar.pair.kept import ROLE, KeptPair
from fleet.contract.errors import FleetError

log = logging.getLogger(__name__)


def take_over(kept: KeptPair, file: str) -> None:
    """Have the role that a sidecar kept by another name for the very same pair file, if it is newer
    than our own and nobody runs by that name; its guard ends. A name has its folder beside ours."""
    own, sidecars = kept.folder, kept.folder.parent.parent.parent
    for path in sorted(sidecars.glob(f"*/{own.parent.name}/{own.name}/{ROLE}")):
        former = KeptPair(path.parent)
        if former.folder == own or not os.access(path, os.R_OK) or not _is_ours(former, kept, file):
            continue
        name = former.folder.parent.parent
        try:
            with exclusive(name):
                report = former.report()
                if report is not None:
                    end_guard(report.pid, former.folder)
                    path.rename(own / ROLE)
                    log.warning("the role of %s is ours: it had that name", name.name)
        except FleetError as error:  # it runs by that name
            log.info("the role of %s stays its own: %s", name.name, error.why)
        except OSError as error:  # then it lays down, as without a role
            log.error("the role of %s is not ours: %s", name.name, error.strerror)  # noqa: TRY400


def _is_ours(former: KeptPair, kept: KeptPair, file: str) -> bool:
    report = former.report()
    return report is not None and report.file == file and former.role().epoch > kept.role().epoch


def end_guard(pid: int, folder: Path) -> None:
    """End a guard of this very folder, and nobody who has its number by now."""
    with suppress(OSError):
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            words = file.read(4096).split(b"\0")
        if b"agent_sidecar.pair.guard" in words and os.fsencode(folder) in words:
            os.kill(pid, signal.SIGKILL)
