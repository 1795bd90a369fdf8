"""What a probe is and what it may say: numbers, words of the contract, versions, a digest.

A probe is synchronous and may block up to its own time-out; the runner gives each its own
thread, so a hanging probe delays nothing. A probe never raises for what it found out: a problem
of the agent is a `FAIL`, and what could not be told is `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from fleet.contract.vocabulary import AlertState, Check, Severity


@dataclass(frozen=True, slots=True)
class AlertEvidence:
    """Evidence for or against one alert code, before hysteresis.

    `firing` is what this one look says; None means that it could not be told and changes
    nothing, as long as the plane itself is not unknown. `value` and `threshold` travel with the
    alert; higher is worse. `source` is the name of the probe: a code fires while any of its
    sources says so.
    """

    code: str
    firing: bool | None
    severity: Severity = Severity.WARNING
    value: float | None = None
    threshold: float | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one run of one probe found on one plane.

    Attributes:
        plane: word of `Plane`, or a plane that a deployment's ADR adds.
        check: the verdict of this plane.
        evidence: for and against alerts.
        metrics: Prometheus base units in the name, as in the contract; at most a few.
        versions: of `agent`, `runtime`; already in the contract's shape.
        uptime: s, of the agent's process, where this probe can tell.
        config: `sha256:…` fingerprint of configuration and profile files.
        took: s the run took; the pool fills it in, as it does `probe`, the name of who found it.
        why: words of ours on why it could not be told, for eyes on this machine; never sent.
    """

    plane: str
    check: Check
    evidence: Sequence[AlertEvidence] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    uptime: float | None = None
    config: str | None = None
    took: float = 0.0
    probe: str = ""
    why: str = field(default="", compare=False)


class Probe(Protocol):
    """Looks at one plane. Keeps what it needs between runs (counters, a cached version) itself.

    `name` tells two probes of one plane apart in logs and in `agent-sidecar check`; `reads` says
    in plain words what it opens, calls or runs, and `ignores` what it passes by on purpose.
    """

    @property
    def plane(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def timeout(self) -> float:
        """Seconds after which its result is `UNKNOWN`, whatever it still does."""
        ...

    @property
    def reads(self) -> str: ...

    @property
    def ignores(self) -> str: ...

    def run(self) -> ProbeResult: ...


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """An alert that starts or ends; becomes one `alert` message. `at` is s since the epoch."""

    code: str
    severity: Severity
    state: AlertState
    at: float
    id: str
    value: float | None = None
    threshold: float | None = None


@runtime_checkable
class Watcher(Protocol):
    """A probe that may also be asked for a descriptor (a pidfd, say) that becomes readable when
    something happened: then a round of probes starts at once instead of with the next beat."""

    def fileno(self) -> int | None: ...

    def is_news(self) -> bool:
        """Whether what made it readable is worth a round; asked in the loop's thread, so quick."""
        ...


@dataclass(frozen=True, slots=True)
class Assembly:
    """What the kind of agent comes to: `kinds.assemble(config)` builds it.

    Attributes:
        kind: word of `Kind`.
        probes: in the order `check` shows them.
        found: plain sentences on what was found by looking, for `agent-sidecar check`.
        reload: default reload action for this kind (`FLEET_RELOAD` wins), or empty; `none` when
            the agent applies its configuration by itself, so there is only a digest to report.
        pid: the agent's process id now, for a reload by signal.
        valid: whether the agent's own reader takes its configuration; None: it cannot be told.
        in_effect: whether the configuration on the disk is the one that runs; None: not shown.
        lives: whether the agent does; None: it cannot be told.
    """

    kind: str
    probes: Sequence[Probe]
    found: Sequence[str] = ()
    reload: str = ""
    pid: Callable[[], int | None] = lambda: None
    valid: Callable[[], bool | None] = lambda: None
    in_effect: Callable[[], bool | None] = lambda: None
    lives: Callable[[], bool | None] = lambda: None
