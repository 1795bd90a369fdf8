"""Runs the commands of an update. What they start may live on: it is the agent."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

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
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaint:
            try:
                with self._lock:
                    if self.stopped:
                        return False, ""
                    process = self._running = subprocess.Popen(
                        argv,
                        stdin=subprocess.DEVNULL,
                        stdout=said,
                        stderr=complaint,
                        env=self._environ,
                        start_new_session=True,
                        preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509 - as workers
                    )
                code = process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                self._kill()
                log.warning("update: %s took longer than %g s", argv[0], self._timeout)
                return False, ""
            except (OSError, subprocess.SubprocessError) as error:
                log.warning("update: %s cannot be run: %s", argv[0], error)
                return False, ""
            finally:
                with self._lock:
                    self._running = None
            said.seek(0)
            text = said.read(MOST_SAID).decode(errors="replace").strip()
            if code:
                complaint.seek(0)
                last = complaint.read(MOST_SAID).decode(errors="replace").strip()[-500:]
                log.warning("update: %s ended with %d: %s", argv[0], code, last)
            return code == 0, text

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
