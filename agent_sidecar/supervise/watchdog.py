"""A process that outlives the supervisor for a moment, to end what it left.

It waits at a pipe whose other end only the supervisor holds, so that even SIGKILL, which nobody
can catch, is noticed. It shares the supervisor's lock until it is done: the next supervisor of
this agent waits for that.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Final, NoReturn

from agent_sidecar.supervise.process_tree import LEFTOVERS, ProcessTree
from agent_sidecar.supervise.spawn import all_signals_blocked, forget_handlers

_PATIENCE: Final = 2 * LEFTOVERS
"""Seconds that it may take over all of it."""


class Watchdog:
    """Ends `tree` when this process has ended, or says that it has by `close`."""

    def __init__(self, tree: ProcessTree) -> None:
        self.pid = 0
        self._tree = tree
        self._held = -1

    def start(self) -> None:
        """Start it, or start it again.

        Raises:
            OSError: no process is to be had.
        """
        self._let_go()
        awaited, self._held = os.pipe()
        try:
            with all_signals_blocked():
                self.pid = os.fork()
                if self.pid == 0:
                    self._watch(awaited)
        finally:
            os.close(awaited)

    def close(self) -> None:
        """Have it end what is left, and wait for that."""
        self._let_go()
        until = time.monotonic() + _PATIENCE
        with suppress(ChildProcessError):  # it was collected already
            while self.pid and time.monotonic() < until:
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    self.pid = 0
                time.sleep(0.005)

    def _let_go(self) -> None:
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def _watch(self, awaited: int) -> NoReturn:
        """In the child; does not return."""
        try:
            os.close(self._held)
            os.setsid()  # no terminal's signals
            forget_handlers()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            self._leave_streams()
            os.read(awaited, 1)
            self._tree.end_all(fresh=True)
        finally:
            os._exit(0)

    def _leave_streams(self) -> None:
        """Who reads the supervisor's output to its end does not wait for us."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
