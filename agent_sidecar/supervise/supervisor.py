"""The supervisor: two children, so that no fault of the sidecar ever ends the agent.

It serves as the entry point of a container too: as process 1 it collects every orphan. The agent
has a process group of its own and the very stdin, stdout and stderr that we were given.

One agent at a time, whatever is killed: a lock holds off a second supervisor, the children die
with us, a watchdog ends what they leave, and the next supervisor what even that could not.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.files import replace_text
from agent_sidecar.lock import exclusive
from agent_sidecar.probes.restarts import LOOP
from agent_sidecar.supervise.process_tree import AGENT, SIDECAR, ProcessTree, end
from agent_sidecar.supervise.restart import FIRST_DELAY, MAX_DELAY, NOT_AGAIN, Restart
from agent_sidecar.supervise.signals import awaited_signals
from agent_sidecar.supervise.spawn import spawn
from agent_sidecar.supervise.terminal import Terminal
from agent_sidecar.supervise.watchdog import Watchdog
from fleet.contract.backoff import Backoff
from fleet.contract.errors import FleetError

GOODBYE: Final = 5.0
"""Seconds for the sidecar to say that the agent is offline; a container runtime kills after ten."""

LOCK_WAIT: Final = 10.0
"""Seconds to wait for the supervisor before us: its watchdog needs some two at most."""

HANGUP_WAIT: Final = 10.0
"""Seconds that an agent has to end when its terminal was closed: nobody is left to insist."""

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


@dataclass(slots=True)
class _Child:
    """One command, started again and again. `due` is when to start it next, `restarted` when it
    was started again lately (monotonic s)."""

    role: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    policy: Restart
    backoff: Backoff
    pid: int = 0
    due: float | None = None
    restarts: int = 0
    restarted: deque[float] = field(default_factory=lambda: deque(maxlen=LOOP))


class Supervisor:
    """Runs `argv` until it is done; `sidecar` beside it, if given.

    Args:
        argv: the agent's command line.
        folder: the lock is here, and the record of the children.
        pid_file: kept up to date with the agent's process id and its restarts, for the sidecar:
            it may come later, and looks only now and then.
        restart: when the agent is started again; the sidecar always is.
        sidecar: its command line and environment.
    """

    def __init__(
        self,
        argv: tuple[str, ...],
        folder: Path,
        pid_file: Path,
        restart: Restart = Restart.ON_FAILURE,
        sidecar: tuple[tuple[str, ...], Mapping[str, str]] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._tree = ProcessTree(folder)
        waits = [Backoff(FIRST_DELAY, MAX_DELAY, chance=jitter) for _ in range(2)]
        self._agent = _Child(AGENT, argv, {**os.environ, **self._tree.mark}, restart, waits[0])
        self._sidecar = _Child(SIDECAR, *sidecar, Restart.ALWAYS, waits[1]) if sidecar else None
        self._children = [child for child in (self._agent, self._sidecar) if child is not None]
        self._watchdog = Watchdog(self._tree)
        self._terminal = Terminal()
        self._folder = folder
        self._pid_file = pid_file
        self._stopping = False
        self._kill_at: float | None = None
        self._code = 0

    def run(self) -> int:
        """The agent's exit code; 128 and the number where a signal ended it.

        Raises:
            FleetError: the agent cannot be started at all, or an earlier one still runs.
        """
        with exclusive(self._folder, LOCK_WAIT, "another agent-sidecar exec"):
            self._end_earlier()
            self._watchdog.start()
            try:
                with awaited_signals() as arrived:
                    self._supervise(arrived)
            finally:
                self._watchdog.close()
        return self._code

    def _supervise(self, arrived: Callable[[float], list[int]]) -> None:
        for child in self._children:
            self._start(child)
        while self._agent.pid or self._agent.due is not None:
            for number in arrived(self._wait()):
                self._pass_on(number)
            self._reap()
            self._do_what_is_due()
        self._end_sidecar(arrived)

    def _end_earlier(self) -> None:
        """What a supervisor left that was killed together with its watchdog.

        Raises:
            FleetError: some of it cannot be ended, and two agents must not be.
        """
        left = self._tree.end_all()
        if left:
            pids = " ".join(map(str, left))
            why = f"process {pids} does not end, or belongs to another user"
            raise FleetError("the agent of an earlier exec still runs", why, f"sudo kill -9 {pids}")
        if others := self._tree.of_others():
            pids = " ".join(map(str, others))
            _say(
                f"process {pids} is left alone: it is on record in {self._folder}, but was not"
                " started from there, as in a copy of a state directory"
                f" (Try: ps -fp {pids.replace(' ', ',')}; two agents need two FLEET_HOME and two"
                " FLEET_AGENT)"
            )

    # --- children

    def _start(self, child: _Child) -> None:
        def note(pid: int) -> None:
            child.pid = pid
            self._record()
            if child is self._agent:
                self._terminal.give(pid)

        child.due = None
        try:
            spawn(child.argv, child.environ, note)
        except OSError as error:
            self._terminal.take_back(child.pid)
            child.pid = 0
            name = child.argv[0]
            remedy = f"command -v {name}"
            raise FleetError(f"{name} cannot be started", error.strerror or "", remedy) from None
        child.backoff.good(time.monotonic())
        if child is self._agent:
            self._tell()

    def _record(self) -> None:
        try:
            self._tree.record({child.role: child.pid for child in self._children if child.pid})
        except OSError as error:  # a full disk must not end the agent
            _say(f"{self._folder} could not be written: {error.strerror}")

    def _tell(self) -> None:
        agent = self._agent
        said = {
            "pid": agent.pid or None,
            "restarts": agent.restarts,
            "restarted": [round(moment, 3) for moment in agent.restarted],
        }
        try:
            replace_text(self._pid_file, json.dumps(said))
        except OSError as error:  # a full disk must not end the agent
            _say(f"{self._pid_file} could not be written: {error.strerror}")

    def _reap(self) -> None:
        """Collect every child that ended; as process 1 that includes other people's orphans."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.pid == pid:
                    self._ended(child, _exit_code(status))
            if self._watchdog.pid == pid:
                self._watchdog.start()

    def _ended(self, child: _Child, code: int) -> None:
        now = time.monotonic()
        group, child.pid = child.pid, 0
        # Its port and its files must be free for the next, and that must be the only one.
        left = end(lambda: self._tree.members([child.role], fresh=True))
        if left:
            _say(f"what the {child.role} left behind does not end: {' '.join(map(str, left))}")
        self._record()
        if child is self._agent:
            self._terminal.take_back(group)
            self._code = code
            self._tell()
        # The sidecar's own codes are no wishes of the agent.
        again = child is not self._agent or child.policy.wanted(code)
        if self._stopping or self._by_terminal(code) or not again:
            if code == NOT_AGAIN and child is self._agent:
                _say(f"the agent ended with code {code}: it asks not to be started again")
            return
        delay = child.backoff.failed(now)
        child.due = now + delay
        _say(f"the {child.role} ended with code {code}; starting it again in {delay:.1f} s")

    def _by_terminal(self, code: int) -> bool:
        """Whether a person ended it: by Ctrl-C, or by closing the window."""
        if code == 128 + signal.SIGHUP:
            return self._terminal.closed()
        return code == 128 + signal.SIGINT and os.isatty(0)

    def _do_what_is_due(self) -> None:
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill_at = None
            end(lambda: self._tree.members([AGENT], fresh=True))
        for child in self._children:
            if child.due is not None and time.monotonic() >= child.due:
                child.restarts += 1
                child.restarted.append(time.monotonic())
                try:
                    self._start(child)
                except FleetError as error:  # it was there before: an update is on its way
                    _say(str(error).splitlines()[0])
                    child.due = time.monotonic() + child.backoff.failed(time.monotonic())

    # --- signals

    def _pass_on(self, number: int) -> None:
        closed = number == signal.SIGHUP and self._terminal.closed()
        if closed and self._kill_at is None:
            self._kill_at = time.monotonic() + HANGUP_WAIT
        if number in _ENDING or closed:
            self._stopping = True
            self._agent.due = None
            if self._sidecar is not None:
                self._sidecar.due = None
                # First, so that it says goodbye rather than crying over the agent's death.
                _send(self._sidecar.pid, signal.SIGTERM)
        if number != signal.SIGCHLD:
            _send(self._agent.pid, number)

    def _wait(self) -> float:
        """Seconds until something is due."""
        moments = [self._kill_at, *(child.due for child in self._children)]
        due = [moment for moment in moments if moment is not None]
        return max(0.0, min(due, default=time.monotonic() + 3600.0) - time.monotonic())

    def _end_sidecar(self, arrived: Callable[[float], list[int]]) -> None:
        self._stopping = True
        if self._sidecar is None:
            return
        self._sidecar.due = None
        _send(self._sidecar.pid, signal.SIGTERM)
        until = time.monotonic() + GOODBYE
        self._reap()
        while self._sidecar.pid and time.monotonic() < until:
            arrived(min(0.5, max(0.0, until - time.monotonic())))
            self._reap()
        _send(self._sidecar.pid, signal.SIGKILL)
        self._reap()


def _send(pid: int, number: int) -> None:
    if pid:
        with suppress(ProcessLookupError):  # it ended, and we are about to collect it
            os.kill(pid, number)


def sidecar_command(
    config: Config, kind: str, pid_file: Path
) -> tuple[tuple[str, ...], dict[str, str]]:
    """How to run the sidecar beside a supervised agent: it is told where the agent is."""
    flags = {name: value for name, value in config.flags.items() if value}
    told = {"FLEET_PID_FILE": str(pid_file), "FLEET_KIND": kind}
    return (sys.executable, "-m", "agent_sidecar", "run"), {**os.environ, **flags, **told}


def _exit_code(status: int) -> int:
    """As a shell says it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _say(text: str) -> None:
    with suppress(OSError):  # the terminal may have been closed
        sys.stderr.write(f"agent-sidecar: {text}\n")
        sys.stderr.flush()
