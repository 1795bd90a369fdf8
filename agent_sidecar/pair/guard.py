"""The guard: a process of its own that carries out what the role on disk says, and nothing else.

It outlives the sidecar that started it, so that an agent whose sidecar was killed or stopped lays
down when its lease is over. It alone runs the actions, so none overtakes the other.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent_sidecar import machine_time
from agent_sidecar.lock import AlreadyRunning, exclusive
from agent_sidecar.pair import pair_file
from agent_sidecar.pair.kept import KeptPair, Report
from agent_sidecar.pair.lease_keeper import Role
from agent_sidecar.pair.pair_file import ACTIVATE, DEACTIVATE, PairFile
from agent_sidecar.parent_death import parent_death_signal
from fleet.contract import trusted_path
from fleet.contract.backoff import Backoff
from fleet.contract.errors import FleetError
from fleet.contract.printable import log_to_stderr

LOOK: Final = 0.2
"""Seconds between looks at the clock."""

SPEAK: Final = 1.0
"""Seconds between two words of its own."""

log = logging.getLogger(__name__)


class Guard:
    """Holds one agent to its role. `file` is the pair file, read again before each action."""

    def __init__(self, folder: Path, file: Path) -> None:
        self._kept = KeptPair(folder)
        self._file = file
        self._known: PairFile = pair_file.read(file)
        self._active: bool | None = None
        self._epoch = 0
        self._well = False
        self._action: subprocess.Popen[bytes] | None = None
        self._starts = False
        self._until = self._again_at = 0.0
        self._spoke_at = float("-inf")
        self._backoff = Backoff(0.5, 5.0)
        self._said: tuple[int, bool, bool, bool] | None = None
        self._parent = os.getppid()

    def run(self) -> None:
        """Until its sidecar has gone and there is nothing left to hold."""
        self.resume(machine_time.now())
        while not self._is_idle:
            self.tick(machine_time.now())
            time.sleep(LOOK)

    def resume(self, now: float) -> None:
        """Of the guard before it only that the agent is down is believed: one that was killed may
        have left an action half done. Who begins after the end of the lease kept no promise."""
        before = self._kept.report()
        if before is None or before.boot_id != machine_time.boot_id() or not before.well:
            return
        if not before.active:
            self._active = False
        self._well = not before.active or self._is_wanted(self._kept.role(), now)

    def _is_wanted(self, role: Role, now: float) -> bool:
        return role.may_be_active(machine_time.boot_id(), now, fence=self._known.fence)

    @property
    def _is_idle(self) -> bool:
        """Whether nobody needs it: the next sidecar starts another."""
        done = self._action is None and self._well and self._active is not None
        return os.getppid() != self._parent and done and not (self._active and self._known.fence)

    def tick(self, now: float) -> None:
        """Look once, and begin or end what must be."""
        role = self._kept.role()
        wanted = self._is_wanted(role, now)
        if self._action is not None:
            self._look_at_action(wanted, now)
        if self._action is None:
            if self._active is wanted and self._well:
                self._epoch = role.epoch
            elif now >= self._again_at or (self._starts and not wanted):
                self._begin(wanted, now)
        if now - self._spoke_at >= SPEAK or self._action is None:
            self._speak(now)

    def _begin(self, activate: bool, now: float) -> None:
        with suppress(FleetError):  # the one that we know is better than none
            known = pair_file.read(self._file)  # the promise to lay down holds until it ends
            self._known = replace(known, fence=known.fence or self._known.fence)
        argv = self._known.activate if activate else self._known.deactivate
        self._starts = activate
        self._until = now + (ACTIVATE if activate else DEACTIVATE)
        self._active = True if activate else self._active  # from now on it may be
        self._speak(now)
        try:
            if "/" in argv[0]:
                trusted_path.require(Path(argv[0]))
            self._action = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=parent_death_signal(),  # noqa: PLW1509 - there is one thread here
            )
        except (OSError, FleetError, subprocess.SubprocessError) as error:
            why = getattr(error, "strerror", None) or str(error).replace("\n", "; ")
            self._ended(f"cannot be started: {why}", now)

    def _look_at_action(self, wanted: bool, now: float) -> None:
        action = self._action
        if action is None:
            return
        code = action.poll()
        if code is None and (now >= self._until or (self._starts and not wanted)):
            with suppress(ProcessLookupError):
                os.killpg(action.pid, signal.SIGKILL)
            code = action.wait() or 1
        if code is None:
            return
        self._action = None
        self._ended("" if code == 0 else f"ended with {code}", now)

    def _ended(self, trouble: str, now: float) -> None:
        word = "activate" if self._starts else "deactivate"
        if trouble:
            self._well = False
            self._active = True if self._active is None else self._active
            self._again_at = now + self._backoff.failed(now)
            log.error("%s %s", word, trouble)
        else:
            self._active, self._well = self._starts, True
            self._backoff = Backoff(0.5, 5.0)
            log.warning("%s: done", word)

    def _speak(self, now: float) -> None:
        active = self._active is not False or self._action is not None
        report = Report(
            os.getpid(), now, machine_time.boot_id(), self._epoch, active, self._well,
            self._known.fence, str(self._file),
        )  # fmt: skip
        said = report.said
        if now - self._spoke_at < SPEAK and said == self._said:
            return
        self._said = said
        self._spoke_at = now
        with suppress(OSError):  # a full disk: who reads it takes us for dead, and says so
            self._kept.save_report(report)


def main(arguments: list[str]) -> int:
    """`FOLDER FILE`: guard until killed. Exit 0: another one does."""
    log_to_stderr()
    folder, file = map(Path, arguments)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the lease, and not before
    try:
        with exclusive(folder / "guarded", other="another guard"):
            Guard(folder, file).run()
    except AlreadyRunning:
        return 0
    except FleetError as error:
        log.error("%s", error)  # noqa: TRY400 - no defect
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
