"""The process around one worker: starts it, watches what it uses, and ends all of it.

It is single, has one thread, and waits at a socket whose other end only the sidecar holds: whether
the sidecar says `kill` or is killed, nothing of the worker is left. Time-out and lease end here by
the clock, so that a sidecar which is stopped or hangs lets nobody run on.
"""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import time
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from agent_sidecar.supervise.spawn import forget_handlers
from agent_sidecar.work.descendants import (
    become_subreaper,
    below,
    end_with_parent,
    kill_all,
    usage,
)
from agent_sidecar.work.launch import TAIL, End, Launch
from agent_sidecar.work.out_size import measure
from fleet.contract.work_vocabulary import TaskReason

LOOK: Final = 0.1
"""Seconds between two looks at what a worker uses: what it can take beyond its limit meanwhile."""

GRACE: Final = 2.0
"""Seconds that a worker has between SIGTERM and SIGKILL, where its lease is still ours."""

PATIENCE: Final = 30.0
"""Seconds for one command that asks about, or ends, a container or unit."""

_OURS: Final = (
    *(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT),
    signal.SIGHUP,
)
"""Signals that we ignore, and a worker does not."""

_FULL: Final = 0.95
"""Part of what it may write, from which a worker that failed is taken to have met that limit."""

_NO_FORK: Final = re.compile(
    rb"can(?:'|no)t (?:fork|start new thread)|fork.{0,40}temporarily unavailable", re.IGNORECASE
)
"""What shells and interpreters say when the kernel refuses a process. Beyond a wall nothing else
tells us, where it is refused for a moment only; whom it deceives is the worker alone."""

_BY_CLOCK: Final = frozenset({TaskReason.WORKER_TIMEOUT, TaskReason.WORKER_STALLED})
"""Reasons that may have another one behind them."""

_HEADROOM: Final = 64 * 1024 * 1024
"""Bytes of private memory that one process may ask for beyond the limit: the look is to find it
first and say why; this stops one that is faster."""


class Supervisor:
    """Runs one launch to its end. `link` is the socket to the sidecar."""

    def __init__(self, link: socket.socket, launch: Launch) -> None:
        self._link = link
        self._launch = launch
        self._lease = launch.lease
        self._pid = 0
        self._status: int | None = None
        self._most = 0
        self._tail = b""
        self._said = 0
        self._reason = ""
        self._kill_at: float | None = None
        self._alone = False
        self._look_at = 0.0

    def run(self) -> None:
        """Start, watch, end and tell."""
        become_subreaper()
        woken, wakes = os.pipe()
        for end in (woken, wakes):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _noted)
        output, writes = os.pipe()
        os.set_blocking(output, False)
        error = self._start(writes)
        os.close(writes)
        asked: list[str] = []
        if not error:
            self._watch(woken, output)
            # What is no child of ours ends first: its client would only be told of it.
            asked = [_said_by(argv) for argv in self._launch.ask]
        for argv in self._launch.stop:
            _said_by(argv)
        left = kill_all(self._pid)
        self._reap()
        for argv in self._launch.stop:  # what the client had asked for just before it was killed
            _said_by(argv)
        self._read(output)
        code = os.waitstatus_to_exitcode(self._status) if self._status is not None else -9
        tail = self._tail.decode("utf-8", "replace")
        self._tell(End(code, self._why(code), error, tail, asked, left).to_json())

    # --- the worker

    def _start(self, writes: int) -> str:
        """Start it, and tell its pid; why not, where that fails."""
        error_read, error_write = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(error_read)
            self._become(parent, writes, error_write)
        os.close(error_write)
        said = os.read(error_read, 200).decode("utf-8", "replace")
        os.close(error_read)
        if not said:
            self._tell(json.dumps({"pid": self._pid}).encode())
        return said

    def _become(self, parent: int, writes: int, error_write: int) -> NoReturn:
        """In the child; does not return."""
        launch = self._launch
        try:
            signal.set_wakeup_fd(-1)
            forget_handlers()
            for number in _OURS:
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            nowhere = os.open(os.devnull, os.O_RDONLY)
            for stream, source in ((0, nowhere), (1, writes), (2, writes)):
                os.dup2(source, stream)
            os.umask(0o077)
            os.chdir(launch.cwd)
            if launch.watched:
                self._limit()
            if launch.user is not None:
                uid, gid = launch.user
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)
            end_with_parent(parent)  # after the user has changed, which would undo it
            os.execvpe(launch.argv[0], launch.argv, launch.environ)  # noqa: S606
        except (OSError, ValueError) as error:
            os.write(error_write, (getattr(error, "strerror", "") or str(error)).encode()[:200])
        finally:
            os._exit(127)

    def _limit(self) -> None:
        limits = self._launch.limits
        cpu = limits.cpu or max(1, int(limits.timeout))
        bounds = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_FSIZE: limits.output,
            resource.RLIMIT_CPU: cpu,
            resource.RLIMIT_DATA: limits.memory + limits.memory // 4 + _HEADROOM,
            resource.RLIMIT_NOFILE: 1024,
        }
        user = self._launch.user
        if user is not None or os.geteuid():
            # The kernel counts all processes of the user: those that are there do not count here.
            bounds[resource.RLIMIT_NPROC] = limits.pids + _tasks_of(
                user[0] if user else os.getuid()
            )
        for which, bound in bounds.items():
            hard = resource.getrlimit(which)[1]
            most = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(which, (most, most))
        os.nice(5)
        with suppress(OSError):  # when memory is short, the worker goes first
            oom = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(oom, b"800")
            os.close(oom)

    # --- while it runs

    def _watch(self, woken: int, output: int) -> None:
        poll = select.poll()
        for descriptor in (self._link.fileno(), woken, output):
            poll.register(descriptor, select.POLLIN)
        while self._status is None:
            ready = dict(poll.poll(LOOK * 1000))
            if woken in ready:
                with suppress(BlockingIOError):
                    os.read(woken, 512)
                self._reap()
            if output in ready and not self._read(output):
                poll.unregister(output)
            if self._link.fileno() in ready and not self._obey():
                poll.unregister(self._link.fileno())
            now = time.monotonic()
            if now >= self._look_at or self._kill_at is not None:
                self._look_at = now + LOOK
                self._judge(now)

    def _reap(self) -> None:
        """Collect who ended, orphans of the worker among them."""
        with suppress(ChildProcessError):
            while True:
                pid, status, used = os.wait4(-1, os.WNOHANG)
                if not pid:
                    return
                self._most = max(self._most, used.ru_maxrss * 1024)
                if pid == self._pid:
                    self._status = status

    def _read(self, output: int) -> bool:
        """Keep the end of what it said; whether there may be more."""
        try:
            piece = os.read(output, 65_536)
        except OSError:
            return True
        self._said += len(piece)
        self._tail = (self._tail + piece)[-TAIL:]
        return bool(piece)

    def _obey(self) -> bool:
        """Do what the sidecar says; False where it is gone."""
        try:
            said = self._link.recv(4096)
        except OSError:
            said = b""
        if not said:
            self._alone = True
            self._end(TaskReason.SIDECAR_STOPPED, at_once=True)
            return False
        order = json.loads(said)
        if "lease" in order:
            self._lease = float(order["lease"])
        if "kill" in order:
            self._end(order["kill"], at_once=bool(order.get("now")))
        return True

    def _judge(self, now: float) -> None:
        limits = self._launch.limits
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = now + GRACE
            for argv in self._launch.stop:
                _said_by(argv)
            with suppress(OSError):
                os.killpg(self._pid, signal.SIGKILL)
        if now >= self._lease:
            self._end(TaskReason.LEASE_EXPIRED, at_once=True)
        elif now >= self._launch.until:
            self._end(TaskReason.WORKER_TIMEOUT)
        elif self._said > limits.output or measure(self._launch.out, limits.output)[2]:
            self._end(TaskReason.OUTPUT_TOO_LARGE, at_once=True)
        elif self._launch.watched:
            tasks, memory = usage(list(below(os.getpid())))
            self._most = max(self._most, memory)
            if tasks > limits.pids:
                self._end(TaskReason.TOO_MANY_PROCESSES, at_once=True)
            elif memory > limits.memory:
                self._end(TaskReason.OUT_OF_MEMORY, at_once=True)

    def _end(self, reason: str, *, at_once: bool = False) -> None:
        """The first reason stands; a second one may only be in more of a hurry."""
        if self._status is not None:
            return
        now = time.monotonic()
        if self._kill_at is None:
            self._reason = reason
            self._kill_at = now if at_once else now + GRACE
            if not at_once:
                with suppress(OSError):
                    os.killpg(self._pid, signal.SIGTERM)
        elif at_once:
            self._kill_at = min(self._kill_at, now)

    def _why(self, code: int) -> str:
        """The reason, where more is known than an exit code says."""
        if self._reason in _BY_CLOCK and _NO_FORK.search(self._tail):
            return TaskReason.TOO_MANY_PROCESSES
        if self._reason or code == 0:
            return self._reason
        limits = self._launch.limits
        ended_by = -code if code < 0 else code - 128  # a shell passes the number on so
        taken, _, _ = measure(self._launch.out, limits.output)
        if ended_by == signal.SIGXFSZ or taken >= _FULL * limits.output:
            return TaskReason.OUTPUT_TOO_LARGE
        if ended_by == signal.SIGXCPU:
            return TaskReason.WORKER_TIMEOUT
        if self._launch.watched and self._most >= limits.memory:
            return TaskReason.OUT_OF_MEMORY
        return TaskReason.TOO_MANY_PROCESSES if _NO_FORK.search(self._tail) else ""

    def _tell(self, text: bytes) -> None:
        if not self._alone:
            with suppress(OSError):
                self._link.send(text)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """A handler in Python makes the C one write to the wake-up descriptor."""


def _said_by(argv: list[str]) -> str:
    """What a command of the engine's says, up to 4 KiB; empty where it fails."""
    try:
        done = subprocess.run(argv, capture_output=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout[:4096].decode("utf-8", "replace").strip() if not done.returncode else ""


def _tasks_of(uid: int) -> int:
    """Processes and threads that run as `uid` now."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        with suppress(OSError, ValueError):
            if os.stat(f"/proc/{int(name)}").st_uid == uid:  # noqa: PTH116
                found.append(int(name))
    return usage(found)[0]
