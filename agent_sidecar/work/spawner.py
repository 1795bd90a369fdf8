"""A process with one thread that forks the supervisors: the sidecar has threads, and a fork of
those is unsafe; a new interpreter for each worker takes 50 ms more.

`python -m agent_sidecar.work.spawner FD`. Each datagram at FD is a launch with one descriptor, the
link of that worker. When the sidecar is gone it stays until every supervisor has done its part.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from agent_sidecar.work.descendants import become_subreaper, below, children
from agent_sidecar.work.launch import MAX_LAUNCH, Launch
from agent_sidecar.work.supervisor import Supervisor


class Spawner:
    """Serves `control` until its other end is closed."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._supervisors: set[int] = set()

    def run(self) -> None:
        become_subreaper()
        woken, wakes = os.pipe()
        for end in (woken, wakes):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _noted)
        descriptors = [self._control.fileno(), woken]
        while len(descriptors) == 2 or self._supervisors:
            ready = select.select(descriptors, [], [], 1.0)[0]
            if woken in ready:
                with suppress(BlockingIOError):
                    os.read(woken, 512)
            self._reap()
            if self._control.fileno() in ready and not self._fork_one():
                descriptors.remove(self._control.fileno())

    def _fork_one(self) -> bool:
        """Fork the supervisor of the next launch; False where the sidecar is gone."""
        text, received, _, _ = socket.recv_fds(self._control, MAX_LAUNCH, 1)
        if not text:
            return False
        link = socket.socket(fileno=received[0])
        link.set_inheritable(False)
        pid = os.fork()
        if pid == 0:
            self._become(link, text)
        link.close()
        self._supervisors.add(pid)
        return True

    def _become(self, link: socket.socket, text: bytes) -> NoReturn:
        """In the child; does not return."""
        try:
            signal.set_wakeup_fd(-1)
            self._control.close()
            Supervisor(link, Launch.from_json(text)).run()
        except Exception as error:  # noqa: BLE001 - the worker ends with us, and our link says so
            why = f"{type(error).__name__} in line {_line_of(error)}: {error}"
            sys.stderr.write(f"agent-sidecar: a worker's supervisor failed: {why}\n")
        finally:
            os._exit(0)

    def _reap(self) -> None:
        """Collect supervisors; what one that was killed leaves becomes our child, and is ended."""
        with suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                self._supervisors.discard(pid)
        for orphan in set(children(os.getpid())) - self._supervisors:
            for pid in (orphan, *below(orphan)):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """A handler in Python makes the C one write to the wake-up descriptor."""


def _line_of(error: BaseException) -> int:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_lineno if trace else 0


def main() -> None:
    """Serve the descriptor that the first argument names."""
    os.setsid()  # no terminal's signals
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the sidecar, and not before
    gc.freeze()  # what is loaded stays shared with those that are forked
    Spawner(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
