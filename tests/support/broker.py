"""A real Mosquitto for a test: its own port, folder and configuration."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fleet.bus.local_broker import LIMITS, find_mosquitto
from tests.support.waiting import wait_until

SHIPPED = LIMITS
"""The limits that our own configurations set; Mosquitto's defaults drop silently."""

LISTENED = range(20_000, 32_768)
"""Ports below those that Linux gives to outgoing connections."""


def free_port() -> int:
    """A port on loopback that nothing listens on, and that no outgoing connection is given by the
    kernel: who starts again on it, or for the first time much later, finds it free still."""
    while True:
        port = secrets.choice(LISTENED)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


class Mosquitto:
    """One broker; `kill` and `start` again keep its port and its stored state.

    Args:
        folder: where configuration, log and database go.
        lines: configuration lines beside ours.
        anonymous: whether anybody may connect.
        persistence: whether state outlives the process.
    """

    def __init__(
        self,
        folder: Path,
        lines: Sequence[str] = SHIPPED,
        *,
        anonymous: bool = True,
        persistence: bool = False,
    ) -> None:
        program = find_mosquitto()
        assert program, "Mosquitto is needed: sh scripts/test.sh installs it"
        self.program = program
        self.folder = folder
        self.port = free_port()
        self.log = folder / "mosquitto.log"
        self.config = folder / "mosquitto.conf"
        self._lines = list(lines)
        self._anonymous = anonymous
        self._persistence = persistence
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it was started, and not ended by us."""
        return self._process is not None

    def start(self) -> Mosquitto:
        """Start and wait until it accepts connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text("\n".join(self._configuration()) + "\n")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, "-c", str(self.config)], stdout=log, stderr=log, cwd=self.folder
            )
        try:
            wait_until(self._accepts, what="the broker's start")
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End it as an operator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _configuration(self) -> list[str]:
        return [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'true' if self._anonymous else 'false'}",
            f"persistence {'true' if self._persistence else 'false'}",
            f"persistence_location {self.folder}/",
            "sys_interval 1",
            "user root",
            *self._lines,
        ]

    def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the broker ended: {self.log.read_text()[-400:]}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(10)
        self._process = None
