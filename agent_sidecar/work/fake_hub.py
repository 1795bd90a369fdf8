"""A hub in this process: for tests and for who tries a work file. It keeps the port's promises, and
no state beyond its life; it has one group, and everything in it is granted.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent_sidecar.work.hub import (
    BlobMismatch,
    BlobUnavailable,
    BoardEntry,
    Claim,
    Descriptor,
    LeaseLost,
    Offer,
)
from fleet.contract.work_vocabulary import BoardSection, MediaType, TaskReason, TaskState

_RETURNED = frozenset({TaskReason.SIDECAR_STOPPED, TaskReason.LEASE_EXPIRED})


@dataclass(slots=True)
class Kept:
    """A task as this hub keeps it; `reasons` of all its attempts, `progress` as it was told."""

    task: str
    kind: str
    context: str
    input: tuple[Descriptor, ...] = ()
    timeout: float = 3600.0
    state: TaskState = TaskState.SUBMITTED
    epoch: int = 0
    until: float = 0.0
    cancel: bool = False
    output: tuple[Descriptor, ...] = ()
    reasons: list[TaskReason] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)


class FakeHub:
    """Tasks, blobs and one board a context. `lease` in s."""

    def __init__(self, lease: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.tasks: dict[str, Kept] = {}
        self.blobs: dict[str, bytes] = {}
        self.boards: dict[str, dict[tuple[BoardSection, str], Descriptor]] = {}
        self._lease = lease
        self._clock = clock
        self._lock = threading.Lock()
        self._count = 0

    # --- what a submitter does

    def submit(self, kind: str, *content: bytes, timeout: float = 3600.0) -> Kept:
        """A task with these inputs."""
        self._count += 1
        task = f"01HZ{self._count:022d}"
        given = tuple(self.keep(each) for each in content)
        kept = self.tasks[task] = Kept(task, kind, "01HY0000000000000000000000", given, timeout)
        return kept

    def keep(self, content: bytes, media_type: MediaType = MediaType.BYTES) -> Descriptor:
        """Store a blob."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return Descriptor(digest, len(content), media_type)

    def answer(self, kept: Kept, content: bytes) -> None:
        """Give a task what it asked for."""
        kept.input, kept.state = (*kept.input, self.keep(content)), TaskState.SUBMITTED

    def write(self, kept: Kept, section: BoardSection, name: str, content: bytes) -> None:
        """Put an entry on a task's board."""
        self.boards.setdefault(kept.context, {})[section, name] = self.keep(content)

    def read(self, kept: Kept, section: BoardSection, name: str) -> bytes:
        """What an entry of a task's board holds."""
        return self.blobs[self.boards[kept.context][section, name].digest]

    # --- the port

    def offered(self) -> Sequence[Offer]:
        with self._lock:
            self._expire()
            waiting = [k for k in self.tasks.values() if k.state is TaskState.SUBMITTED]
            return [Offer(kept.task, kept.kind) for kept in waiting]

    def claim(self, task: str) -> Claim | None:
        with self._lock:
            self._expire()
            kept = self.tasks[task]
            if kept.state is not TaskState.SUBMITTED:
                return None
            kept.state, kept.epoch = TaskState.WORKING, kept.epoch + 1
            kept.until = self._clock() + self._lease
            return Claim(
                task, kept.kind, kept.context, kept.epoch, kept.epoch, self._lease, kept.timeout,
                kept.input,
            )  # fmt: skip

    def renew(self, claim: Claim, progress: int, result: bool = False) -> tuple[float, bool]:
        with self._lock:
            kept = self._held(claim, late=result)
            kept.until = self._clock() + self._lease
            kept.progress.append(progress)
            return self._lease, kept.cancel

    def complete(self, claim: Claim, output: Sequence[Descriptor]) -> None:
        self._finish(claim, TaskState.COMPLETED, output)

    def ask(self, claim: Claim, output: Sequence[Descriptor]) -> None:
        self._finish(claim, TaskState.INPUT_REQUIRED, output)

    def _finish(self, claim: Claim, state: TaskState, output: Sequence[Descriptor]) -> None:
        with self._lock:
            kept = self._held(claim)
            for content in output:
                if content.digest not in self.blobs:
                    raise BlobUnavailable("not complete", f"{content.digest} is not stored")
            kept.state, kept.output = state, tuple(output)

    def fail(self, claim: Claim, reason: TaskReason) -> None:
        with self._lock:
            kept = self._held(claim)
            kept.reasons.append(reason)
            if reason is TaskReason.ISOLATION_UNAVAILABLE:
                kept.state = TaskState.REJECTED
            elif reason is TaskReason.CANCEL_ASKED:
                kept.state = TaskState.CANCELED
            else:
                kept.state = TaskState.SUBMITTED if reason in _RETURNED else TaskState.FAILED

    def read_blob(self, claim: Claim, content: Descriptor, into: int) -> None:
        found = self.blobs.get(content.digest)
        if found is None:
            raise BlobUnavailable("an input is not there", content.digest)
        if f"sha256:{hashlib.sha256(found).hexdigest()}" != content.digest:
            raise BlobMismatch("an input is not what it should be", content.digest)
        with open(into, "wb", closefd=False) as stream:
            stream.write(found)

    def store_blob(self, claim: Claim, content: Descriptor, source: int) -> None:
        with self._lock:
            self._held(claim)
        found = os.pread(source, content.size + 1, 0)
        if self.keep(found, content.media_type).digest != content.digest:
            raise BlobMismatch("an output is not what it should be", content.digest)

    def board(self, claim: Claim) -> Sequence[BoardEntry]:
        found = self.boards.get(claim.context, {})
        return [BoardEntry(section, name, what) for (section, name), what in found.items()]

    def put_entry(self, claim: Claim, entry: BoardEntry) -> None:
        with self._lock:
            self._held(claim)
            board = self.boards.setdefault(claim.context, {})
            board[entry.section, entry.name] = entry.content

    def _held(self, claim: Claim, *, late: bool = True) -> Kept:
        """
        Raises:
            LeaseLost: it is not theirs any more; one that ran out, `late`, until another's claim.
        """
        self._expire()
        kept = self.tasks[claim.task]
        ran_out = kept.reasons[-1:] == [TaskReason.LEASE_EXPIRED]
        if late and kept.state is TaskState.SUBMITTED and ran_out and kept.epoch == claim.epoch:
            kept.state, kept.until = TaskState.WORKING, self._clock() + self._lease
        if kept.state is not TaskState.WORKING or kept.epoch != claim.epoch:
            raise LeaseLost(f"task {claim.task} is not ours any more", "its lease ran out")
        return kept

    def _expire(self) -> None:
        for kept in self.tasks.values():
            if kept.state is TaskState.WORKING and self._clock() >= kept.until:
                kept.state = TaskState.SUBMITTED
                kept.reasons.append(TaskReason.LEASE_EXPIRED)
