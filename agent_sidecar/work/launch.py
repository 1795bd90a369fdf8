"""What the supervisor of a worker is told, and what it answers: plain values, sent as JSON.

The supervisor is another process, so that neither a stopped nor a killed sidecar leaves a worker
running. It knows nothing of tasks, hubs or blobs.
"""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

MAX_LAUNCH: Final = 150_000
"""Bytes of a launch: one datagram, of which the kernel takes some 200 KiB."""

TAIL: Final = 16_384
"""Bytes kept of what a worker says on stdout and stderr: the end, where programs say why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one attempt may use.

    Attributes:
        timeout: s. stall: s without progress or output.
        memory, output: bytes; of all its processes together, and of all that it writes to `out/`.
        pids: processes and threads. cpu: CPU seconds of one process; 0: as many as `timeout` has.
    """

    timeout: float = 3600.0
    stall: float = 300.0
    memory: int = 512 * 1024 * 1024
    output: int = 64 * 1024 * 1024
    pids: int = 64
    cpu: int = 0


@dataclass(frozen=True, slots=True)
class Launch:
    """One worker to start.

    Attributes:
        argv, environ, cwd: its whole command line, environment, and folder.
        out: the folder whose size is watched.
        until: when its time is over (monotonic s, which all processes of a machine share).
        lease: until when the claim holds; nobody may run beyond it, whatever the sidecar does.
        user: uid and gid that it runs as; None: ours.
        watched: whether the processes we see are the worker's own, and so count for its limits; in
            a container or unit the kernel counts, and what we see is a client.
        ask: commands whose output is wanted after the end.
        stop: commands that end what is not among our processes; they run at every end.
    """

    argv: list[str]
    environ: dict[str, str]
    cwd: str
    out: str
    limits: Limits
    until: float
    lease: float
    user: tuple[int, int] | None = None
    watched: bool = True
    ask: list[list[str]] = field(default_factory=list)
    stop: list[list[str]] = field(default_factory=list)

    def to_json(self) -> bytes:
        """
        Raises:
            OSError: it is too large, as with a variable of 100 KiB.
        """
        text = json.dumps(asdict(self)).encode()
        if len(text) > MAX_LAUNCH:
            raise OSError(errno.E2BIG, "its command and environment are too large")
        return text

    @classmethod
    def from_json(cls, text: bytes) -> Launch:
        said: dict[str, Any] = json.loads(text)
        user = said.pop("user")
        limits = Limits(**said.pop("limits"))
        return cls(**said, limits=limits, user=tuple(user) if user else None)


@dataclass(frozen=True, slots=True)
class End:
    """How a worker ended.

    Attributes:
        code: exit code, or minus the number of the signal that ended it.
        reason: a word of `TaskReason` where the supervisor ended it, or knows better; else empty.
        error: why it could not be started; else empty.
        tail: the end of what it said. asked: what `Launch.ask` printed.
        left: processes that could not be ended.
    """

    code: int = 0
    reason: str = ""
    error: str = ""
    tail: str = ""
    asked: list[str] = field(default_factory=list)
    left: int = 0

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> End:
        return cls(**json.loads(text))
