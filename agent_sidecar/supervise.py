"""`agent-sidecar exec -- CMD`: run the agent as a child, and the sidecar beside it as another.

Two children, so that no fault of the sidecar ever ends the agent. It serves as the entry point of
a container too: as process 1 it collects every orphan. The agent has a process group of its own
and the very stdin, stdout and stderr that we were given.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.files import replace_text
from agent_sidecar.probes.restarts import LOOP
from fleet.contract.errors import FleetError

FIRST_DELAY: Final = 1.0
MAX_DELAY: Final = 60.0
"""Seconds before a restart: doubled with each, so that a crash loop costs little."""

STEADY: Final = 60.0
"""Seconds that a child must have lived for its next restart to be quick again."""

LEFTOVERS: Final = 2.0
"""Seconds that what the agent left behind has to end before it is killed."""

GOODBYE: Final = 5.0
"""Seconds for the sidecar to say that the agent is offline; a container runtime kills after ten."""

_PASSED_ON: Final = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH", "CONT")
_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


class Restart(StrEnum):
    """When a child that ended is started again."""

    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    NEVER = "never"

    def wanted(self, code: int) -> bool:
        return self is Restart.ALWAYS or (self is Restart.ON_FAILURE and code != 0)


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start; times are s, `jitter` is from 0 to 1."""

    failures: int = 0

    def delay(self, lived: float, jitter: float) -> float:
        """The wait after a life of `lived` s: half of it is fixed, half of it chance."""
        if lived >= STEADY:
            self.failures = 0
        whole = min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return whole * (0.5 + 0.5 * jitter)


@dataclass(slots=True)
class _Child:
    """One command, started again and again. `due` is when to start it next, `restarted` when it
    was started again lately (monotonic s)."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    policy: Restart
    pid: int = 0
    began: float = 0.0
    due: float | None = None
    restarts: int = 0
    restarted: deque[float] = field(default_factory=lambda: deque(maxlen=LOOP))
    backoff: Backoff = field(default_factory=Backoff)


class Supervisor:
    """Runs `argv` until it is done; `sidecar` beside it, if given.

    Args:
        argv: the agent's command line.
        pid_file: kept up to date with the agent's process id and its restarts, for the sidecar:
            it may come later, and looks only now and then.
        restart: when the agent is started again; the sidecar always is.
        sidecar: its command line and environment.
    """

    def __init__(
        self,
        argv: tuple[str, ...],
        pid_file: Path,
        restart: Restart = Restart.ON_FAILURE,
        sidecar: tuple[tuple[str, ...], Mapping[str, str]] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._agent = _Child(argv, os.environ, restart)
        self._sidecar = _Child(*sidecar, Restart.ALWAYS) if sidecar else None
        self._pid_file = pid_file
        self._jitter = jitter
        self._stopping = False
        self._code = 0

    def run(self) -> int:
        """The agent's exit code; 128 and the number where a signal ended it.

        Raises:
            FleetError: the agent cannot be started at all.
        """
        with _signals() as arrived:
            self._start(self._agent)
            if self._sidecar is not None:
                self._start(self._sidecar)
            while self._agent.pid or self._agent.due is not None:
                for number in arrived(self._wait()):
                    self._pass_on(number)
                self._reap()
                self._restart_what_is_due()
            self._end_sidecar(arrived)
        return self._code

    # --- children

    def _start(self, child: _Child) -> None:
        child.due, child.began = None, time.monotonic()
        try:
            child.pid = os.posix_spawnp(
                child.argv[0],
                child.argv,
                child.environ,
                setpgroup=0,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them, programs do not
            )
        except OSError as error:
            name = child.argv[0]
            remedy = f"command -v {name}"
            raise FleetError(f"{name} cannot be started", error.strerror or "", remedy) from None
        if child is self._agent:
            _to_foreground(child.pid)
            self._tell()

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
            for child in (self._agent, self._sidecar):
                if child is not None and child.pid == pid:
                    self._ended(child, _exit_code(status))

    def _ended(self, child: _Child, code: int) -> None:
        now = time.monotonic()
        group, child.pid = child.pid, 0
        _sweep(group)
        if child is self._agent:
            self._code = code
            self._tell()
        by_hand = code == 128 + signal.SIGINT and os.isatty(0)  # the terminal told it directly
        if self._stopping or by_hand or not child.policy.wanted(code):
            return
        delay = child.backoff.delay(now - child.began, self._jitter())
        child.due = now + delay
        who = "the agent" if child is self._agent else "the sidecar"
        _say(f"{who} ended with code {code}; starting it again in {delay:.1f} s")

    def _restart_what_is_due(self) -> None:
        for child in (self._agent, self._sidecar):
            if child is not None and child.due is not None and time.monotonic() >= child.due:
                child.restarts += 1
                child.restarted.append(time.monotonic())
                try:
                    self._start(child)
                except FleetError as error:  # it was there before: an update is on its way
                    _say(str(error).splitlines()[0])
                    child.due = time.monotonic() + child.backoff.delay(0.0, self._jitter())

    # --- signals

    def _pass_on(self, number: int) -> None:
        if number in _ENDING:
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
        children = (self._agent, self._sidecar)
        due = [child.due for child in children if child is not None and child.due is not None]
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


@contextmanager
def _signals() -> Iterator[Callable[[float], list[int]]]:
    """A wait of so many seconds for signals, which gives their numbers; none is lost or doubled
    between two waits."""
    read, write = os.pipe()
    for end in (read, write):
        os.set_blocking(end, False)
    numbers = [signal.SIGCHLD, *(getattr(signal, f"SIG{name}") for name in _PASSED_ON)]
    before = {number: signal.signal(number, _noted) for number in numbers}
    old = signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def arrived(seconds: float) -> list[int]:
        select.select([read], [], [], seconds)
        with suppress(BlockingIOError):
            return list(os.read(read, 4096))
        return []

    try:
        yield arrived
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """A handler in Python makes the C one write the number to the wake-up descriptor."""


def _send(pid: int, number: int) -> None:
    if pid:
        with suppress(ProcessLookupError):  # it ended, and we are about to collect it
            os.kill(pid, number)


def _sweep(group: int) -> None:
    """End what a child left in its group: its port and its files must be free for the next."""
    with suppress(ProcessLookupError, PermissionError):  # nobody left; macOS: only zombies
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.killpg(group, number)
            until = time.monotonic() + LEFTOVERS
            while time.monotonic() < until:
                with suppress(ChildProcessError):
                    os.waitpid(-group, os.WNOHANG)
                os.killpg(group, 0)
                time.sleep(0.01)


def sidecar_command(
    config: Config, kind: str, pid_file: Path
) -> tuple[tuple[str, ...], dict[str, str]]:
    """How to run the sidecar beside a supervised agent: it is told where the agent is."""
    flags = {name: value for name, value in config.flags.items() if value}
    told = {"FLEET_PID_FILE": str(pid_file), "FLEET_KIND": kind}
    return (sys.executable, "-m", "agent_sidecar", "run"), {**os.environ, **flags, **told}


def _to_foreground(pid: int) -> None:
    """Give the agent the terminal, where there is one: else reading from it would stop it."""
    with suppress(OSError):
        if os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
            try:
                os.tcsetpgrp(0, pid)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTTOU})
            os.killpg(pid, signal.SIGCONT)  # it may have tried to read before it had the terminal


def _exit_code(status: int) -> int:
    """As a shell says it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _say(text: str) -> None:
    sys.stderr.write(f"agent-sidecar: {text}\n")
    sys.stderr.flush()
