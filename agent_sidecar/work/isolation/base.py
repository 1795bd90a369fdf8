"""What a rung of isolation is, and what all of them share: names, paths and environments."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from agent_sidecar.work.hub import Claim
from agent_sidecar.work.launch import End, Launch
from agent_sidecar.work.task_folder import PROGRESS, TaskFolder
from agent_sidecar.work.work_file import KindOfWork
from fleet.contract import trusted_path

NOBODY: Final = 65_534
"""The uid and gid of a worker that is walled off: nothing on a machine belongs to it."""

PROOF: Final = 20.0
"""Seconds that a preflight may take."""

FRESH: Final = 300.0
"""Seconds that a proof counts: an engine is restarted, and a policy changed, while we run."""

_PLAIN: Final = ("LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, as a rung needs to know it. `until`, `lease`: monotonic s."""

    claim: Claim
    kind: KindOfWork
    folder: TaskFolder
    until: float
    lease: float

    @property
    def name(self) -> str:
        return self.claim.name


class Proofs:
    """What was proved lately, by what was asked: proofs cost up to a second, and tasks come in
    crowds. A proof that failed is not kept: it is tried again with the next task."""

    def __init__(self) -> None:
        self._good: dict[object, float] = {}
        self._lock = threading.Lock()

    def of(self, question: object, prove: Callable[[], str]) -> str:
        """Why not, as `prove` says; empty: proved, no longer than `FRESH` s ago."""
        with self._lock:
            now = time.monotonic()
            if now - self._good.get(question, -FRESH) < FRESH:
                return ""
            why = prove()
            if not why:
                self._good[question] = now
            return why


class Rung(Protocol):
    """One way to keep a worker apart. Whoever asks for it gets it, or nothing."""

    def unavailable(self, kind: KindOfWork) -> str:
        """Why it cannot be had here for this kind of work; empty: proved just now, it can."""

    def prepare(self, attempt: Attempt) -> None:
        """Make `out/`, and let the worker's user in.

        Raises:
            OSError: it cannot be made.
        """

    def launch(self, attempt: Attempt) -> Launch:
        """How to start the worker.

        Raises:
            OSError: its program is not there, or somebody else could have put it there.
        """

    def overrun(self, attempt: Attempt) -> str:
        """A word of `TaskReason` for a limit that the supervisor cannot see, and that was met while
        the worker runs; empty: none."""

    def reason(self, end: End) -> str:
        """A word of `TaskReason` that only this rung can know; empty: none."""

    def release(self, folder: TaskFolder) -> None:
        """Take back what `prepare` did beside files. Twice is safe."""

    def sweep(self) -> int:
        """End what a former sidecar left; how many there were."""


@contextmanager
def proof_folder(state: Path) -> Iterator[TaskFolder]:
    """A folder like an attempt's, for one proof; what a killed one leaves goes with the attempts'.

    Raises:
        OSError: it cannot be made.
    """
    folder = TaskFolder(state / "tasks" / f"proof-{os.urandom(6).hex()}")
    folder.make()
    try:
        folder.make_out(None)
        yield folder
    finally:
        folder.remove()


def places(folder: TaskFolder | None = None, top: str = "/work") -> dict[str, str]:
    """Where a worker finds its files: in their real places, or behind a wall under `top`."""
    if folder is None:
        return {"in": f"{top}/in", "out": f"{top}/out", "board": f"{top}/blackboard"}
    return {"in": str(folder.input), "out": str(folder.out), "board": str(folder.board)}


def environ_of(
    attempt: Attempt, ours: Mapping[str, str], where: Mapping[str, str], home: str, path: str
) -> dict[str, str]:
    """The whole environment of a worker: a few plain variables, those that its kind names, and
    where its files are. Nothing else of ours."""
    names = (*_PLAIN, *attempt.kind.environment)
    return {
        "PATH": path,
        "HOME": home,
        "TASK_ID": attempt.claim.task,
        "TASK_IN": where["in"],
        "TASK_OUT": where["out"],
        "TASK_BOARD": where["board"],
        "TASK_PROGRESS": f"{where['out']}/{PROGRESS}",
        **{name: ours[name] for name in names if name in ours},
    }


def program(name: str, path: str | None = None) -> str:
    """The whole path of a program that only we and root can change.

    Raises:
        OSError: it is not there, or somebody else could have put it there.
    """
    found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError(2, f"there is no program {name}")
    try:
        trusted_path.require(Path(found))
    except trusted_path.UntrustedPathError as error:
        raise PermissionError(1, f"{found}: {error.why}") from None
    return found


def said(argv: list[str], environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """(what a command prints, why it failed: empty where it did not); within `PROOF` s."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROOF,
            check=False,
            env=None if environ is None else dict(environ),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", getattr(error, "strerror", None) or "no answer in time"
    output = done.stdout[:65_536].decode("utf-8", "replace")
    if done.returncode == 0:
        return output, ""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [
        f"exit {done.returncode}"
    ]
    return output, lines[-1][:300] if len(lines[-1]) > 10 else " ".join(lines)[:300]


def is_root() -> bool:
    return os.geteuid() == 0
