"""The sidecar's side of a worker: start one, tell its supervisor, hear how it ended."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

from agent_sidecar.work.launch import MAX_LAUNCH, End, Launch
from fleet.contract.work_vocabulary import TaskReason


class CannotStart(OSError):
    """No supervisor is to be had: no process, or no memory for one."""


class Worker:
    """A worker that runs. `pid` is its own, and leads its group; 0: it was not started."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._sending = threading.Lock()
        self.pid = 0

    def wait(self, seconds: float) -> End | None:
        """How it ended; None while it runs, after at most `seconds`."""
        until = time.monotonic() + seconds
        while select.select([self._link], [], [], max(0.0, until - time.monotonic()))[0]:
            try:
                said = self._link.recv(2 * MAX_LAUNCH)
            except OSError:
                said = b""
            if not said:  # its supervisor was killed
                return End(-9, TaskReason.WORKER_SIGNAL, left=1)
            found = json.loads(said)
            if "pid" not in found:
                return End(**found)
            self.pid = int(found["pid"])
        return None

    def kill(self, reason: str, *, now: bool) -> None:
        """End it; `now`: without asking it first."""
        self._tell({"kill": reason, "now": now})

    def extend(self, lease: float) -> None:
        """It may run until `lease` (monotonic s)."""
        self._tell({"lease": lease})

    def close(self) -> None:
        """Let go of it; if it still runs, it is ended."""
        self._link.close()

    def _tell(self, order: dict[str, object]) -> None:
        with self._sending, suppress(OSError):  # it has ended
            self._link.send(json.dumps(order).encode())


class Workers:
    """Starts workers, by a process of its own that is there from `open` to `close`."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def open(self) -> None:
        """
        Raises:
            CannotStart: no process is to be had.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, "-m", "agent_sidecar.work.spawner", str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=_own_environ()
            )
        except OSError as error:
            ours.close()
            raise CannotStart(error.errno, error.strerror) from None
        finally:
            theirs.close()
        self._control = ours

    def start(self, launch: Launch) -> Worker:
        """
        Raises:
            CannotStart: no process is to be had.
        """
        with self._starting:
            try:
                text = launch.to_json()
                try:
                    return self._start(text)
                except (BrokenPipeError, ConnectionError):  # it was killed
                    self.close()
                    self.open()
                    return self._start(text)
            except OSError as error:
                raise CannotStart(error.errno, error.strerror) from None

    def _start(self, launch: bytes) -> Worker:
        if self._control is None:
            raise CannotStart("it is closed")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            socket.send_fds(self._control, [launch], [theirs.fileno()])
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return Worker(ours)

    def close(self, patience: float = 5.0) -> None:
        """Let go of the process; it ends when every worker has. Twice is safe."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
            self._process = None


def _own_environ() -> dict[str, str]:
    """Ours, with the way to this very package: a caller may have found it by its folder."""
    import agent_sidecar

    above = os.path.dirname(os.path.dirname(str(agent_sidecar.__file__)))  # noqa: PTH120
    paths = [above, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
