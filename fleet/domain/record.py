"""What the hub remembers of one agent, kept small: 100,000 of them must fit in 70 MB.

Values that many agents share (sets of checks, codes, versions, metric names) are interned;
metric values are packed doubles; a digest is 32 bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from fleet.contract.words import Check, Kind, State
from fleet.domain.sequences import Sequence
from fleet.domain.verdict import Verdict

T = TypeVar("T")

Checks = tuple[tuple[str, Check], ...]
Versions = tuple[str | None, str | None, str | None]
NO_CODES: Final[frozenset[str]] = frozenset()

MAX_PAST: Final = 4
"""Earlier sessions whose numbers are remembered: an outbox rarely spans more restarts."""

_DIGEST: Final = "sha256:"
_MAX_SHARED: Final = 65_536
"""Interned values kept: hostile variety must not grow the table for ever."""

_shared: dict[Any, Any] = {}


def shared(value: T) -> T:
    """The one copy of an equal, immutable value."""
    if len(_shared) > _MAX_SHARED:
        _shared.clear()
    kept: T = _shared.setdefault(value, value)
    return kept


class Bucket(list["Record"]):
    """The agents to look at again in one second of the timing wheel."""

    __slots__ = ("second",)

    def __init__(self, second: int) -> None:
        super().__init__()
        self.second = second


class Record:
    """One agent. Times are seconds since the epoch on the hub's clock unless named `ts`.

    `seen_at` is the last sign of life (bus heartbeat or birth), `beat_ts` and `said_ts` the
    agent's own times of its last heartbeat and status, `last_ts` the latest of the session.
    `checks` were reported at `checks_at`; planes missing in that report stay in `older`, each
    with its own time. `gap_at` is when a hole in the numbers was first noticed.
    """

    __slots__ = (
        "beat_at",
        "beat_ts",
        "boot",
        "bucket",
        "checks",
        "checks_at",
        "codes",
        "config",
        "config_before",
        "dissents",
        "gap_at",
        "hub_codes",
        "interval",
        "kind",
        "last_ts",
        "lists_codes",
        "metric_names",
        "metric_values",
        "name",
        "ok",
        "older",
        "past",
        "said_ts",
        "seen_at",
        "sequence",
        "since",
        "skew",
        "state",
        "uptime",
        "verdict",
        "versions",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.boot: int | None = None
        self.sequence: Sequence | None = None
        self.past: tuple[tuple[int, Sequence], ...] = ()
        self.seen_at: float | None = None
        self.beat_at: float | None = None
        self.beat_ts: float | None = None
        self.said_ts: float | None = None
        self.last_ts: float | None = None
        self.gap_at: float | None = None
        self.interval: float | None = None
        self.uptime: float | None = None
        self.skew: float | None = None
        self.ok: bool | None = None
        self.state: State | None = None
        self.checks: Checks = ()
        self.checks_at: float | None = None
        self.older: tuple[tuple[str, Check, float | None], ...] = ()
        self.codes: frozenset[str] = NO_CODES
        self.lists_codes = False
        self.hub_codes: frozenset[str] = NO_CODES
        self.dissents = 0
        self.metric_names: tuple[str, ...] = ()
        self.metric_values: bytes = b""
        self.versions: Versions | None = None
        self.kind: Kind | None = None
        self.config: bytes | None = None
        self.config_before: bytes | None = None
        self.verdict = Verdict.UNKNOWN
        self.since: float | None = None
        self.bucket: Bucket | None = None

    @property
    def metrics(self) -> dict[str, float]:
        values = array("d")
        values.frombytes(self.metric_values)
        return dict(zip(self.metric_names, values, strict=True))

    def set_metrics(self, metrics: Mapping[str, float]) -> None:
        self.metric_names = shared(tuple(metrics))
        self.metric_values = array("d", metrics.values()).tobytes()

    def see(self, at: float | None) -> None:
        """A sign of life; an unknown time shows nothing, and an earlier one takes nothing back."""
        if at is not None and (self.seen_at is None or at > self.seen_at):
            self.seen_at = at

    def set_checks(self, checks: Mapping[str, Check], at: float | None) -> None:
        """Take a report; planes it does not mention keep their result and their time."""
        fresh = shared(tuple(checks.items()))
        if self.checks and (self.older or self.checks is not fresh):
            then = self.checks_at
            known = {plane: (plane, check, then) for plane, check in self.checks}
            known.update({old[0]: old for old in self.older if old[0] not in known})
            self.older = tuple(old for plane, old in known.items() if plane not in checks)
        self.checks, self.checks_at = fresh, at

    def planes(self) -> dict[str, tuple[Check, float | None]]:
        """Every plane's last result and when it was reported."""
        found = {plane: (check, at) for plane, check, at in self.older}
        found.update({plane: (check, self.checks_at) for plane, check in self.checks})
        return found

    def results(self) -> dict[str, Check]:
        """Every plane's last result."""
        found = {plane: check for plane, check, _at in self.older}
        found.update(self.checks)
        return found

    def begin(self, boot: int) -> None:
        """Forget what only the last session said."""
        if self.boot is not None and self.sequence is not None:
            self.past = ((self.boot, self.sequence), *self.past)[:MAX_PAST]
        self.boot = boot
        self.sequence = None
        self.gap_at = self.last_ts = self.said_ts = None
        self.state = None
        self.ok = None
        self.checks, self.older, self.checks_at = (), (), None
        self.dissents = 0

    def freeze(self) -> dict[str, Any]:
        """JSON form for the store, absent values left out."""
        frozen: dict[str, Any] = {
            key: value
            for key in _PLAIN
            if (value := getattr(self, key)) is not None and value != _FRESH[key]
        }
        if self.sequence:
            frozen["sequence"] = _sequence_out(self.sequence)
        if self.past:
            frozen["past"] = [[boot, _sequence_out(seen)] for boot, seen in self.past]
        for key in ("codes", "hub_codes"):
            if getattr(self, key):
                frozen[key] = sorted(getattr(self, key))
        if self.metric_names:
            frozen["metrics"] = self.metrics
        for key in ("config", "config_before"):
            if getattr(self, key):
                frozen[key] = digest_text(getattr(self, key))
        return frozen

    @classmethod
    def thaw(cls, name: str, frozen: Mapping[str, Any]) -> Record:
        """The record that `freeze` wrote."""
        record = cls(name)
        for key in _PLAIN:
            if key in frozen:
                setattr(record, key, frozen[key])
        record.verdict = Verdict(record.verdict)
        record.state = State(record.state) if record.state else None
        record.kind = Kind(record.kind) if record.kind else None
        record.checks = shared(tuple((plane, Check(check)) for plane, check in record.checks))
        record.older = tuple((plane, Check(check), at) for plane, check, at in record.older)
        record.versions = shared(tuple(record.versions)) if record.versions else None  # type: ignore[assignment]
        if "sequence" in frozen:
            record.sequence = _sequence_in(frozen["sequence"])
        record.past = tuple((boot, _sequence_in(seen)) for boot, seen in frozen.get("past", ()))
        record.codes = shared(frozenset(frozen.get("codes", ())))
        record.hub_codes = shared(frozenset(frozen.get("hub_codes", ())))
        record.set_metrics(frozen.get("metrics", {}))
        record.config = digest_bytes(frozen.get("config"))
        record.config_before = digest_bytes(frozen.get("config_before"))
        return record


_PLAIN: Final = (
    "boot",
    "seen_at",
    "beat_at",
    "beat_ts",
    "said_ts",
    "last_ts",
    "gap_at",
    "interval",
    "uptime",
    "skew",
    "ok",
    "state",
    "checks",
    "checks_at",
    "older",
    "lists_codes",
    "dissents",
    "versions",
    "kind",
    "verdict",
    "since",
)
_FRESH: Final = {key: getattr(Record(""), key) for key in _PLAIN}


def digest_text(digest: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return _DIGEST + digest.hex()


def digest_bytes(text: str | None) -> bytes | None:
    """The 32 bytes of a digest as it travels."""
    return bytes.fromhex(text.removeprefix(_DIGEST)) if text else None


def _sequence_out(seen: Sequence) -> list[Any]:
    return [seen.low, seen.high, seen.settled, sorted(seen.missing)]


def _sequence_in(values: list[Any]) -> Sequence:
    low, high, settled, missing = values
    return Sequence(low, high, settled, frozenset(missing))
