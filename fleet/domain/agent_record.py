"""What the hub remembers of one agent, kept small: 100,000 of them must fit in 70 MB.

What many agents report alike is shared (see `reported_state`); numbers lie packed; what few
agents have (holes, earlier sessions, drift) is kept aside.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isnan, nan
from typing import Final

from fleet.contract.vocabulary import Check
from fleet.domain import precision
from fleet.domain.reported_state import (
    NO_CODES,
    NO_PROFILE,
    NOTHING_REPORTED,
    Profile,
    ReportedState,
    shared,
)
from fleet.domain.sequences import Sequence
from fleet.domain.timing_wheel import TimingWheelSlot
from fleet.domain.verdict import Verdict

SINCE, STATUS_TS, SKEW, UPTIME, BEAT_DIGEST, METRICS = range(6)
"""Places in `AgentRecord.numbers`; metrics fill the rest. NaN stands for unknown. `BEAT_DIGEST` is
of the last heartbeat without a number."""

MAX_PAST: Final = 4
"""Earlier sessions whose numbers are remembered: an outbox rarely spans more restarts."""

_DIGEST: Final = "sha256:"


@dataclass(slots=True)
class RareState:
    """What few agents have: earlier sessions, holes, planes left out of the last report, drift.

    `gap_at` is when a hole in the numbers was first noticed, `older` when the planes that the
    last report left out were reported, `dissents` how many reports in a row contradicted
    themselves, `config_before` the configuration from which the agent drifted, `after_beat` (code,
    the agent's time, whether it fires) of a retained alert that is later than the last heartbeat,
    `alert_at` when an alert came of one that has shown no sign of life yet,
    `thresholds` the limits that its alerts crossed, by code,
    `unwell_at` since when it has been unwell without an alert of its own that says so,
    `latest` is the latest own time in an earlier session, `returns` how often a session lived again
    that another had replaced, the last time at `returned_at`, and `returning` whether the live one
    does as soon as it sends a heartbeat. Of messages without a number: `said` is (the agent's
    time, digest) of the last status and of the last alert of each code, `older_beat` (its time,
    receipt, digest) a heartbeat whose time lies before the last one's.
    """

    past: tuple[tuple[int, Sequence], ...] = ()
    gap_at: float | None = None
    older: dict[str, float | None] = field(default_factory=dict)
    dissents: int = 0
    config_before: int | None = None
    after_beat: tuple[str, float, bool] | None = None
    latest: float = 0.0
    returning: bool = False
    returns: int = 0
    returned_at: float = 0.0
    said: dict[str, tuple[float, float]] = field(default_factory=dict)
    older_beat: tuple[float, float, float] | None = None
    unwell_at: float | None = None
    alert_at: float | None = None
    thresholds: dict[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self != _EMPTY


_EMPTY: Final = RareState()


class AgentRecord:
    """One agent. Times are seconds since the epoch on the hub's clock unless named `ts`.

    `seen_at` is the last sign of life (bus heartbeat or birth), `beat_ts` the agent's own time
    of its last heartbeat, `checks_at` when it last reported planes.
    """

    __slots__ = (
        "_sequence",
        "beat_at",
        "beat_ts",
        "boot",
        "checks_at",
        "config",
        "hub_codes",
        "name",
        "numbers",
        "profile",
        "rare",
        "reported",
        "seen_at",
        "slot",
        "verdict",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.boot: int | None = None
        self._sequence: Sequence | int | None = None
        self.seen_at: float | None = None
        self.beat_at: float | None = None
        self.beat_ts: float | None = None
        self.checks_at: float | None = None
        self.reported: ReportedState = NOTHING_REPORTED
        self.profile: Profile = NO_PROFILE
        self.numbers = array("d", (nan,) * METRICS)
        self.config: int | None = None
        self.rare: RareState | None = None
        self.verdict = Verdict.UNKNOWN
        self.hub_codes: frozenset[str] = NO_CODES
        self.slot: TimingWheelSlot[AgentRecord] | None = None

    # Numbers

    def number(self, place: int) -> float | None:
        """What stands at `place`; None if it is unknown."""
        value = self.numbers[place]
        return None if isnan(value) else value

    @property
    def last_ts(self) -> float | None:
        """The agent's latest own time in this session."""
        status_ts = self.number(STATUS_TS)
        if status_ts is None or self.beat_ts is None:
            return self.beat_ts if status_ts is None else status_ts
        return max(self.beat_ts, status_ts)

    @property
    def metrics(self) -> dict[str, float]:
        return dict(zip(self.profile.metrics, self.numbers[METRICS:], strict=True))

    def said_before(self, name: str) -> float | None:
        """The last number of a metric, or of the uptime."""
        if name == precision.UPTIME:
            return self.number(UPTIME)
        names = self.profile.metrics
        return self.numbers[METRICS + names.index(name)] if name in names else None

    def set_metrics(self, metrics: Mapping[str, float]) -> None:
        names = self.profile.metrics
        self.numbers[METRICS:] = array("d", metrics.values())
        if len(names) != len(metrics) or names != tuple(metrics):
            self.profile = shared(replace(self.profile, metrics=tuple(metrics)))

    # Sequence

    @property
    def sequence(self) -> Sequence | None:
        """The numbers seen in this session."""
        seen = self._sequence
        return Sequence(0, seen, 0) if type(seen) is int else seen  # type: ignore[return-value]

    @sequence.setter
    def sequence(self, seen: Sequence | None) -> None:
        whole = seen is not None and seen.low == seen.settled == 0 and not seen.holes
        self._sequence = seen.high if seen is not None and whole else seen

    @property
    def missing(self) -> int:
        """What `sequence` says is missing; where nothing is, none is made to say so."""
        seen = self._sequence
        return seen.missing if isinstance(seen, Sequence) else 0

    def accept_next(self, seq: int) -> bool:
        """Enter `seq` if it is simply the next one."""
        seen = self._sequence
        if isinstance(seen, int):
            if seq != seen + 1:
                return False
            self._sequence = seq
            return True
        if seen is None or seq != seen.high + 1:
            return False
        self._sequence = seen.seen(seq)
        return True

    def expects(self, seq: int) -> bool:
        """Whether `seq` is simply the next one."""
        seen = self._sequence
        if isinstance(seen, Sequence):
            return seq == seen.high + 1
        return seen is not None and seq == seen + 1

    def receipt(self, boot: int) -> int | None:
        """The number up to which session `boot` may be receipted; None if there is none yet."""
        seen = self.sequence if boot == self.boot else dict(self.past).get(boot)
        return seen.receipt() if seen else None

    @property
    def gap_at(self) -> float | None:
        return self.rare.gap_at if self.rare else None

    @property
    def past(self) -> tuple[tuple[int, Sequence], ...]:
        return self.rare.past if self.rare else ()

    def numbers_of(self, boot: int) -> Sequence | None:
        """The numbers seen in session `boot`, this one or an earlier one."""
        return self.sequence if boot == self.boot else dict(self.past).get(boot)

    # Changes

    def ensure_rare(self) -> RareState:
        """The place for what few agents have, made when it is needed."""
        if self.rare is None:
            self.rare = RareState()
        return self.rare

    def drop_empty_rare(self) -> None:
        """Give the place back when nothing is in it."""
        if self.rare is not None and not self.rare:
            self.rare = None

    def mark_seen(self, at: float | None) -> None:
        """A sign of life; an unknown time shows nothing, and an earlier one takes nothing back."""
        if at is not None and (self.seen_at is None or at > self.seen_at):
            self.seen_at = at
            if self.rare is not None and self.rare.alert_at is not None:
                self.rare.alert_at = None  # it was good for as long as nothing better was known
                self.drop_empty_rare()

    @property
    def heard_at(self) -> float | None:
        """When anything was heard. An alert is no sign of life: it comes whenever there is reason
        to, so of who sent nothing else nobody can say that it is late."""
        if self.seen_at is None and self.rare is not None:
            return self.rare.alert_at
        return self.seen_at

    def merge_checks(
        self, checks: Mapping[str, Check], at: float | None, behind: bool = False
    ) -> Mapping[str, Check]:
        """Every plane's result after a report at `at`; what it leaves out keeps result and time.
        `behind`: a later report was taken already, so that this one only adds planes."""
        known = self.reported.checks
        if behind and known:
            return self._add_planes(checks, at)
        before, self.checks_at = self.checks_at, at
        if checks == known and not (self.rare and self.rare.older):
            return known
        left_out = [plane for plane in known if plane not in checks]
        if left_out or self.rare:
            older = self.ensure_rare().older
            self.ensure_rare().older = {plane: older.get(plane, before) for plane in left_out}
        return {**known, **checks} if left_out else checks

    def _add_planes(self, checks: Mapping[str, Check], at: float | None) -> Mapping[str, Check]:
        known = self.reported.checks
        new = {plane: check for plane, check in checks.items() if plane not in known}
        if not new:
            return known
        self.ensure_rare().older |= dict.fromkeys(new, at)
        return {**new, **known}

    def planes(self) -> dict[str, tuple[Check, float | None]]:
        """Every plane's last result and when it was reported."""
        older = self.rare.older if self.rare else {}
        return {
            plane: (check, older.get(plane, self.checks_at))
            for plane, check in self.reported.checks.items()
        }

    def accept_config(self) -> None:
        """The configuration that it has now is the one that it should have."""
        self.ensure_rare().config_before = None
        self.drop_empty_rare()

    def begin_session(self, boot: int, *, keep: bool = False) -> None:
        """Forget what only the last session said; `keep`: both are of one agent at one time, and
        what the one said of it stands until the other says more."""
        before = dict(self.past).get(boot)
        if self.boot is not None and self.sequence is not None:
            others = (one for one in self.past if one[0] not in (boot, self.boot))
            self.ensure_rare().past = ((self.boot, self.sequence), *others)[:MAX_PAST]
        if self.rare:
            self.rare.latest = max(self.rare.latest, self.last_ts or 0.0)
            self.rare.returning = False
        if keep:
            self.boot, self.sequence = boot, before
            self.beat_ts = self.beat_at = None
            self.numbers[STATUS_TS] = nan
            return
        if self.rare:
            self.rare.gap_at, self.rare.older, self.rare.dissents = None, {}, 0
            self.rare.said, self.rare.older_beat = {}, None
        if self.profile.metrics:
            self.set_metrics({})
        self.numbers[UPTIME] = nan
        self.boot = boot
        self.sequence = before
        self.beat_ts = self.beat_at = self.checks_at = None
        self.numbers[STATUS_TS] = nan
        self.reported = self.reported.replace(ok=None, state=None, checks={})


def digest_text(digest: int) -> str:
    """`sha256:` and 64 hex digits."""
    return f"{_DIGEST}{digest:064x}"


def digest_number(text: str) -> int:
    """A digest as a number: it takes less room than its text."""
    return int(text.removeprefix(_DIGEST), 16)
