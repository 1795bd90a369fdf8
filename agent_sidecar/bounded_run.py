"""A program of this machine, run to its end: bounded in time and output, dead with all its
children when the time is up. What it says goes to the caller alone, or nowhere."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fleet.contract import trusted_path


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended. `code` None: its time was up. `output` is cut at the bound."""

    code: int | None
    output: bytes


def which(name: str) -> str | None:
    """The program that a call of `name` starts; None: there is none. `shutil` has the same, and
    loads three libraries that compress: half a MiB of a sidecar."""
    for folder in [""] if os.sep in name else os.get_exec_path():
        path = Path(folder, name)
        if os.access(path, os.X_OK) and path.is_file():
            return str(path)
    return None


def run(
    argv: Sequence[str],
    timeout: float,
    most: int = 0,
    environ: Mapping[str, str] | None = None,
) -> Ended:
    """
    Args:
        timeout: s.
        most: bytes of its output that are kept; 0: it goes nowhere.
        environ: its whole environment; None: ours.

    Raises:
        UntrustedPathError: somebody else could have put the program there.
        OSError: it cannot be started.
    """
    program = which(argv[0])
    if program is not None:
        trusted_path.require(Path(program))
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if most else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environ,
        start_new_session=True,
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(timeout, end)
    timer.daemon = True
    timer.start()
    try:
        output = process.stdout.read(most) if process.stdout else b""
        if len(output) >= most > 0:
            _kill(process)  # it would wait for ever for somebody to read the rest
        code = process.wait()
    finally:
        timer.cancel()
        if process.stdout:
            process.stdout.close()
    return Ended(None if late.is_set() else code, output)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its children too: it leads its own group
