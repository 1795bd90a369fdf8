"""A small disk of its own that can be filled, made read-only and taken away; and calls of a program
by a root that may do no more than its files allow."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.contract.errors import FleetError

SIZE: Final = "8m"
DEFECT: Final = 99
"""Exit code of a call that ended in what no person is meant to read."""

_CAPABILITY_VERSION: Final = 0x20080522


@dataclass(frozen=True)
class Disk:
    """A tmpfs at `folder`."""

    folder: Path

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Not a byte is left while the block runs, nor a file to be made."""
        ballast = self.folder / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
            for size in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        stream.write(bytes(size))
        try:
            yield
        finally:
            ballast.unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        self._mount("remount,ro")
        try:
            yield
        finally:
            self._mount("remount,rw")

    def _mount(self, options: str) -> None:
        subprocess.run(["mount", "-o", options, str(self.folder)], check=True)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk | None]:
    """None where this user may not mount one."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@dataclass(frozen=True)
class Said:
    """What a call left: exit code, and both its outputs."""

    code: int
    out: str
    err: str


def call(work: Callable[[], int | None], folder: Path, environ: dict[str, str]) -> Said:
    """Do `work` in a process of its own, whose root has no privilege, with `environ` alone."""
    return call_at_once([work], folder, environ)[0]


def call_at_once(
    works: Sequence[Callable[[], int | None]], folder: Path, environ: dict[str, str]
) -> list[Said]:
    """As `call`, all of them at the same time."""
    running = []
    for number, work in enumerate(works):
        out, err = folder / f"out{number}", folder / f"err{number}"
        child = os.fork()
        if not child:
            _become(out, err, environ)
            _end(work)
        running.append((child, out, err))
    return [
        Said(
            os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]),
            out.read_text(errors="replace"),
            err.read_text(errors="replace"),
        )
        for child, out, err in running
    ]


def _become(out: Path, err: Path, environ: dict[str, str]) -> None:
    for path, number in ((out, 1), (err, 2)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, number)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    logging.getLogger().handlers.clear()  # pytest's
    os.environ.clear()
    os.environ.update(environ)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
        os._exit(DEFECT)


def _end(work: Callable[[], int | None]) -> None:
    code = DEFECT
    try:
        code = work() or 0
    except FleetError as error:
        sys.stderr.write(f"{error}\n")
        code = error.exit_code
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - whatever it is, the test is told
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def in_place(work: Callable[[], int | None]) -> Callable[[], int | None]:
    """`work` in a session of its own, which it may do with what it likes."""

    def alone() -> int | None:
        os.setsid()
        return work()

    return alone
