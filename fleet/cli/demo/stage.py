"""The processes of the demo: started, watched and always cleared away."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fleet.contract.errors import FleetError

AGENTS: Final = (
    ("ada", "nanobot"),
    ("boole", "openclaw"),
    ("curie", "generic"),
    ("darwin", "nanobot"),
    ("euler", "generic"),
)
"""The five simulated agents and their kinds."""

GRACE: Final = 5.0
"""Seconds a process has to end when asked; then it is killed."""


@dataclass(frozen=True, slots=True)
class Member:
    """One simulated agent with its real sidecar."""

    name: str
    kind: str
    agent: subprocess.Popen[str]
    sidecar: subprocess.Popen[str]


class Stage:
    """A temporary home and the processes started in it; leaving ends them all, newest first."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fleet-demo-")
        self._processes: list[subprocess.Popen[str]] = []
        self.home = Path(self._folder.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._processes):
            end(process)
        self._folder.cleanup()

    def start(
        self, module: str, *arguments: str, environ: Mapping[str, str], label: str
    ) -> subprocess.Popen[str]:
        """Start `python -m module` in its own session, so that Ctrl-C reaches the demo alone.

        Its stderr goes to `label.log` in the home, which `complaint` reads.
        """
        return self.spawn([sys.executable, "-m", module, *arguments], environ, label)

    def spawn(
        self, argv: Sequence[str], environ: Mapping[str, str], label: str
    ) -> subprocess.Popen[str]:
        with (self.home / f"{label}.log").open("a") as log:
            process = subprocess.Popen(
                argv,
                env=clean_environment() | dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def first_line(self, process: subprocess.Popen[str], label: str) -> str:
        """The first line a process prints.

        Raises:
            FleetError: it ended without a word.
        """
        line = process.stdout.readline().strip() if process.stdout else ""
        if not line:
            raise FleetError(f"the demo's {label} did not start", self.complaint(label))
        return line

    def complaint(self, label: str) -> str:
        """The last line that `label` wrote to stderr."""
        with contextlib.suppress(OSError):
            lines = (self.home / f"{label}.log").read_text().strip().splitlines()
            return lines[-1] if lines else ""
        return ""


def clean_environment() -> dict[str, str]:
    """Our environment without settings of a real fleet: the demo must not touch one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}


def end(process: subprocess.Popen[str]) -> None:
    """End one process, politely first."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


def free_port(preferred: int) -> int:
    """`preferred` on loopback, or the next free port behind it."""
    for port in range(preferred, preferred + 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise FleetError(
        "no free port for the demo",
        f"{preferred} to {preferred + 199} are all taken",
        "end another demo",
    )
