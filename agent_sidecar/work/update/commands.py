"""Runs the commands of an update. What they start may live on: it is the agent."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import IO, Final

from agent_sidecar.work.descendants import end_with_parent

log = logging.getLogger(__name__)

MOST_SAID: Final = 64 * 1024
"""Bytes that are read of what a command says."""

_PLAIN: Final = ("LANG", "LC_ALL", "TZ", "PATH", "HOME", "USER", "PYTHONPATH", "TMPDIR")


class Commands:
    """Runs one after the other. `timeout` in s."""

    def __init__(self, timeout: float, environment: Sequence[str] = ()) -> None:
        self._timeout = timeout
        names = (*_PLAIN, *environment)
        self._environ = {name: os.environ[name] for name in names if name in os.environ}
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self.stopped = False

    def run(self, argv: Sequence[str]) -> tuple[bool, str]:
        """Whether it ended with 0, and what it said on its standard output.

        What it says goes to a file: one that starts a daemon may leave it an open pipe for ever.
        """
        try:
            with _scrap() as said, _scrap() as complaint:
                code = self._ended(argv, said, complaint)
                text, last = _read(said), _read(complaint)[-500:]
                if code:
                    log.warning("update: %s ended with %d: %s", argv[0], code, last)
                elif last:
                    log.info("update: %s says: %s", argv[0], last)
                return code == 0, text
        except subprocess.TimeoutExpired:
            log.warning("update: %s took longer than %g s", argv[0], self._timeout)
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("update: %s cannot be run: %s", argv[0], error)
        return False, ""

    def _ended(self, argv: Sequence[str], said: IO[bytes], complaint: IO[bytes]) -> int | None:
        """What it ended with; None: it was not begun."""
        try:
            with self._lock:
                if self.stopped:
                    return None
                process = self._running = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=complaint,
                    env=self._environ,
                    start_new_session=True,
                    preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509 - as workers
                )
            return process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            self._kill()
            raise
        finally:
            with self._lock:
                self._running = None

    def stop(self) -> None:
        """End the one that runs, and run no more; from any thread."""
        with self._lock:
            self.stopped = True
        self._kill()

    def _kill(self) -> None:
        with self._lock:
            process = self._running
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _scrap() -> IO[bytes]:
    """A file for what a command says; in memory where the disk takes none: also on a full disk an
    agent must be started."""
    with suppress(OSError), ExitStack() as opened:
        file = opened.enter_context(tempfile.TemporaryFile(buffering=0))
        if file.write(bytes(MOST_SAID)) == MOST_SAID:  # there is room for it
            file.seek(0)
            file.truncate()
            opened.pop_all()
            return file
    return open(os.memfd_create("said"), "w+b", buffering=0)  # noqa: PTH123


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MOST_SAID).decode(errors="replace").strip()
