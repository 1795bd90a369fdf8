"""A broker of one's own on loopback: Mosquitto where it is installed, else the embedded one.

For the demo, a laptop and development. It lets in whoever is on this machine; `fleet init`
makes the configuration for production.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fleet.bus import embedded_broker
from fleet.bus.connection import IN_FLIGHT
from fleet.contract import trusted_path
from fleet.contract.errors import BrokerError, ConfigError
from fleet.contract.free_port import free_port_after

LIMITS: Final = (
    # 0 is no limit. The default of 100 drops the rest of a burst, acknowledged and unsaid.
    "max_queued_messages 0",
    # A gigabyte a session: some millions of messages while the hub is away, and an end to what a
    # flood can take. Sidecars send again what the hub has not confirmed.
    "max_queued_bytes 1073741824",
    # Deliveries on their way at once: as many as the hub takes before it has committed them.
    f"max_inflight_messages {IN_FLIGHT}",
    # Bytes. A message of the contract has at most 4096; the rest is topic and a margin.
    "message_size_limit 8192",
    # Bytes of topic, payload and the properties beside them, which Mosquitto cannot forbid.
    "max_packet_size 8448",
    # Without it (and the same in the client) a round trip takes 44 to 88 ms instead of 0.2.
    "set_tcp_nodelay true",
)
"""Configuration lines of every Mosquitto that we set up; `man mosquitto.conf` explains each."""

STATE: Final = (
    "persistence true",
    # Seconds. What a crash may take; sidecars keep what the hub has not confirmed anyway.
    "autosave_interval 10",
    # As long as the longest time to live of a command.
    "persistent_client_expiration 7d",
)

_FOLDERS: Final = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/opt/homebrew/bin:/usr/local/bin"
"""Where Debian and Homebrew put the broker, and a user's PATH often does not look."""

_RUNNING: Final = re.compile(r"mosquitto version (\S+) running")
_LISTENING: Final = re.compile(rf"^{embedded_broker.READY}$", re.MULTILINE)

CAUTION: Final = "no rights, nothing kept: for a first look"
"""What a person is told of the embedded broker."""

_START_WITHIN: Final = 20.0
"""Seconds. Mosquitto takes 0.02, the embedded broker 0.1."""

_STOP_WITHIN: Final = 5.0
"""Seconds to write its state; then it is killed."""


def find_mosquitto() -> str | None:
    """The path of Mosquitto's broker, or None where it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_FOLDERS)


def mosquitto_lines(folder: Path, port: int) -> list[str]:
    """A Mosquitto configuration for one machine: loopback, open, state kept in `folder`."""
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        f"persistence_location {folder}/",
        *STATE,
        *LIMITS,
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # it would become `mosquitto`, whom the folder shuts out
    return lines


class LocalBroker:
    """A broker as a child process: a context manager, or `start` and `stop`.

    Args:
        folder: its configuration, state and log; made if absent.
        port: where it listens on loopback.
        embedded: take the embedded broker even where Mosquitto is installed.

    Attributes:
        url: what to put into FLEET_BROKER.
        name: what runs, for a person: `Mosquitto 2.0.11` or `embedded iotcore 0.4.0`.
        caution: what a person should know about it; empty: nothing.
        log: the file with its own words.
    """

    def __init__(self, folder: Path, port: int, *, embedded: bool = False) -> None:
        self.folder = folder
        self.port = port
        self.url = f"mqtt://127.0.0.1:{port}"
        self.name = "a broker"
        self.caution = ""
        self.log = folder / "broker.log"
        self._embedded = embedded
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start it and wait until it accepts connections.

        Raises:
            BrokerError: the port is taken, or it did not start.
            ConfigError: neither broker is installed.
        """
        if _listens(self.port):
            why = "something listens there already"
            free = free_port_after(self.port, "127.0.0.1")
            remedy = f'broker = "mqtt://127.0.0.1:{free}" in fleet.toml'
            raise BrokerError(f"port {self.port} is taken", why, remedy)
        mosquitto = None if self._embedded else find_mosquitto()
        if not mosquitto and not embedded_broker.available():
            raise ConfigError(
                "there is no broker to start",
                "neither Mosquitto nor the embedded broker (extra demo) is installed",
                "apt-get install mosquitto, or brew install mosquitto",
            )
        trusted_path.make_folder(self.folder)
        trusted_path.require(self.folder)
        argv = self._mosquitto(mosquitto) if mosquitto else self._python()
        with self.log.open("wb") as log:
            # In a session of its own, so that Ctrl-C does not take it before its clients.
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        try:
            said = self._await(_RUNNING if mosquitto else _LISTENING)
        except BaseException:
            self.stop()
            raise
        self.name = f"Mosquitto {said[1]}" if mosquitto else embedded_broker.name()
        self.caution = "" if mosquitto else CAUTION
        return self

    def stop(self) -> None:
        """End it; safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()

    def wait(self) -> int:
        """Block until it ends by itself; its exit code."""
        return self._process.wait() if self._process else 0

    def _mosquitto(self, program: str) -> list[str]:
        file = self.folder / "mosquitto.conf"
        lines = mosquitto_lines(self.folder, self.port)
        trusted_path.write_text(file, "\n".join(lines) + "\n", 0o600)
        return [program, "-c", str(file)]

    def _python(self) -> list[str]:
        file = self.folder / "rumqttd.toml"
        trusted_path.write_text(file, embedded_broker.configuration(self.port), 0o600)
        return [sys.executable, "-m", "fleet.bus.embedded_broker", str(file)]

    def _await(self, ready: re.Pattern[str]) -> re.Match[str]:
        """Wait for its own word that it has the port: that somebody answers there proves nothing,
        since two may look for a free port at the same moment."""
        process = self._process
        end = time.monotonic() + _START_WITHIN
        while process and process.poll() is None and time.monotonic() < end:
            if said := ready.search(self.log.read_text(errors="replace")):
                return said
            time.sleep(0.01)
        last = self.log.read_text(errors="replace").strip().splitlines()[-1:]
        raise BrokerError("the local broker did not start", "".join(last), f"look into {self.log}")


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
