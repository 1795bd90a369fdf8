"""How much of what one agent may say in a day, and the counting of it. A day is one of UTC.

The audit tells of what is beyond a bound, the hub refuses it. ADR-0017 gives the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fleet.contract.answer_fast_path import Answer
from fleet.contract.limits import DEFAULT_INTERVAL, MIN_INTERVAL
from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.timestamps import epoch
from fleet.domain.precision import Before, exact, numbers_of, unknown

DAY: Final = 86_400.0

BITS_A_BEAT: Final = 660
"""Bits for each heartbeat that is due: 32 metrics that all changed take 570."""

BITS_BESIDE: Final = 4_000
"""Bits for a birth, and for whatever else a day has; the rest comes from beats not filled up."""

BITS_A_COMMAND: Final = 1_000
"""Bits for the answer to a command or notice: a heartbeat and a status."""

SLACK: Final = 2
"""Times the heartbeats due that may come in a day: a day's backlog of the broker comes at once."""

REFUSED: Final = 4
"""Times a bound, from which on a hub refuses: a bound that was set too low costs a finding, and
no telemetry. Of what a burst or an outage makes many of, it is ten and fifty times as much."""

EXACT_REFUSED: Final = 2
"""Times the numbers of more digits than they need: a sidecar sends next to none."""

EXACT_BESIDE: Final = 300
"""Such numbers beside those of the heartbeats due: counters begin anew with a restart."""

DIGITS: Final = "digits"
"""What there is too much of, where it is no field: `metrics`, `value` and `uptime` have them."""

REPEATS: Final = 10
"""Times the events of a day, that an outbox may send again what was not receipted."""

MAX_NAMES: Final = 256
"""Names of metrics that are known of an agent; the oldest go."""

FIRST_DAY: Final = 2
"""Times the new names of other days, on the day on which an agent is first heard."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is tolerated of one agent in a day.

    Attributes:
        interval: seconds between the heartbeats of this fleet.
        shortest: the shortest interval in seconds that an agent may announce; None: nobody said.
        metrics, versions, configs, sessions, events: new names of metrics, changes of version
            strings and of the configuration's digest, new sessions, and states and alerts.
        spare: heartbeats beside those due: births, an agent's own, and how many at once.
        exact: numbers of more digits than they need (`precision`) for each heartbeat that is due.
        progress: messages about tasks, beside those for which a task was offered.
    """

    interval: float = DEFAULT_INTERVAL
    shortest: float | None = None
    metrics: int = 32
    versions: int = 12
    configs: int = 48
    sessions: int = 96
    events: int = 1_000
    spare: int = 100
    exact: int = 7
    progress: int = 2_000

    @classmethod
    def of(cls, interval: float, table: Mapping[str, Any]) -> Bounds:
        """From the settings: the fleet's interval and the table `[traffic]`."""
        plain, shortest = cls(), table.get("shortest_interval")
        return cls(
            interval,
            None if shortest is None else max(float(shortest), MIN_INTERVAL),
            table.get("new_metrics_a_day", plain.metrics),
            table.get("versions_a_day", plain.versions),
            table.get("configs_a_day", plain.configs),
            table.get("sessions_a_day", plain.sessions),
            table.get("events_a_day", plain.events),
            exact=table.get("exact_numbers_a_heartbeat", plain.exact),
            progress=table.get("progress_a_day", plain.progress),
        )

    def refused(self) -> Bounds:
        """The bounds from which on a hub refuses."""
        return Bounds(
            self.interval,
            self.shortest,
            metrics=REFUSED * self.metrics,
            versions=REFUSED * self.versions,
            configs=REFUSED * self.configs,
            sessions=10 * self.sessions,
            events=10 * self.events,
            spare=50 * self.spare,
            exact=EXACT_REFUSED * self.exact,
            progress=10 * self.progress,
        )

    @property
    def enrolled(self) -> float:
        """The interval that an enrolled agent is held to by the audit."""
        return self.interval if self.shortest is None else min(self.shortest, self.interval)

    @property
    def anybody(self) -> float:
        """The shortest interval that is believed of anybody."""
        return MIN_INTERVAL if self.shortest is None else self.shortest

    def beats(self, interval: float) -> int:
        """Heartbeats in a day, of an agent that announces `interval`."""
        return math.ceil(SLACK * DAY / interval) + self.spare

    def exact_numbers(self, interval: float) -> int:
        """Numbers of more digits than they need in a day, of such an agent."""
        return math.ceil(self.exact * DAY / interval) + EXACT_BESIDE

    def bits(self, interval: float) -> int:
        """Bits in a day, of such an agent."""
        return int(BITS_A_BEAT * DAY / interval) + BITS_BESIDE


_SHARED: dict[frozenset[str], frozenset[str]] = {}
"""Sets of names, each once: agents of a kind have the same, and an empty one takes 216 bytes."""

_MAX_SHARED: Final = 10_000


def _shared(names: frozenset[str]) -> frozenset[str]:
    if len(_SHARED) >= _MAX_SHARED:
        _SHARED.clear()
    return _SHARED.setdefault(names, names)


class DayCounts:
    """What one agent has said today."""

    __slots__ = (
        "_ahead", "_announced", "_apart", "_configs", "_day", "_due", "_events", "_first",
        "_names", "_new", "_rated", "_repeats", "_seq", "_sessions", "_ts", "_versions", "beats",
        "boot", "commands", "config", "exact", "interval", "versions", "watched",
    )  # fmt: skip

    def __init__(self) -> None:
        self._day = self._first = -1
        self._ahead = self._ts = 0.0
        self._repeats, self._seq = 0, -1
        self.beats = self._events = self._new = 0
        self._versions = self._configs = self._sessions = 0
        self.commands = self.exact = 0
        self.watched = False
        """Whether no heartbeat is let in unread today: one of them broke the contract."""
        self._names = _shared(frozenset())
        self.versions: tuple[str | None, ...] = ()
        self.config: str | None = None
        self.boot: int | None = None
        self.interval: float | None = None
        self._rated: Bounds | None = None
        self._announced: float | None = None
        self._due, self._apart = 0, 0.0

    def begin(self, at: float) -> bool:
        """Look at the day of `at` (s since the epoch); True if it is a new one."""
        day = int(at // DAY)
        if day == self._day:
            return False
        if self._first < 0:
            self._first = day
        self._day = day
        self.beats = self._events = self._repeats = self._new = self.commands = self.exact = 0
        self._versions = self._configs = self._sessions = 0
        self.watched = False
        return True

    def excess(
        self,
        message: Heartbeat | Status | Answer | Alert,
        at: float,
        bounds: Bounds,
        retained: bool = False,
        before: Before = unknown,
        *,
        let_in: bool = False,
        listed: bool = False,
    ) -> str | None:
        """The field of which `message` has more than a day may; empty: of messages as such, or
        `DIGITS`. None: it is within all bounds, and is counted. What is retained was counted when
        it was new; a heartbeat that is `let_in` was counted by `take`. `listed`: somebody
        keeps a list of agents, so that a short interval of their own gives them no more digits.
        """
        if isinstance(message, Heartbeat):
            return self.excess_of_beat(
                message, at, bounds, retained, before, let_in=let_in, listed=listed
            )
        self.begin(at)
        field = self._event(message, bounds, retained)
        if field is not None or retained:
            return field
        return self._digits(message, at, bounds, before, listed)

    def excess_of_beat(
        self,
        beat: Heartbeat,
        at: float,
        bounds: Bounds,
        retained: bool = False,
        before: Before = unknown,
        *,
        let_in: bool = False,
        listed: bool = False,
    ) -> str | None:
        """The same of a heartbeat, or of what has its fields."""
        self.begin(at)
        field = self._heartbeat(beat, bounds, retained or let_in)
        if field is not None or retained:
            return field
        return self._digits(beat, at, bounds, before, listed)

    def _digits(
        self,
        message: Heartbeat | Status | Answer | Alert,
        at: float,
        bounds: Bounds,
        before: Before,
        listed: bool,
    ) -> str | None:
        """`DIGITS` where the numbers of `message` have more of them than the day has left."""
        numbers = numbers_of(message)
        digits = exact(numbers, before, at) if numbers else 0
        over = digits > 0 and not self.exact_left(bounds, digits, listed)
        if not over or isinstance(message, Alert):  # an alert passes all the same
            self.exact += digits
        return DIGITS if over else None

    def exact_left(self, bounds: Bounds, digits: int, listed: bool) -> int:
        """How many messages with `digits` numbers of more digits than they need may come."""
        interval = max(self.believed(bounds), bounds.enrolled if listed else 0.0)
        return max(0, bounds.exact_numbers(interval) - self.exact) // digits

    def _event(
        self, message: Status | Answer | Alert, bounds: Bounds, retained: bool
    ) -> str | None:
        again = retained or self._is_repeated(message)
        if again and self._repeats >= REPEATS * bounds.events:
            return ""
        if not again and self._events - self.commands >= bounds.events:
            return ""
        if isinstance(message, Alert):
            field = self._session(message.boot, bounds)
        else:
            field = self._status(message, bounds)
        if field is None:
            self._repeats += again
            self._events += not again
            if message.seq is not None:
                self._seq = max(self._seq, message.seq)
        return field

    def _is_repeated(self, message: Status | Answer | Alert) -> bool:
        """Whether an outbox sends it again, or late: nothing new by its number."""
        return message.seq is not None and message.boot == self.boot and message.seq <= self._seq

    def believed(self, bounds: Bounds) -> float:
        """The interval by which heartbeats are counted: the announced one, where it may be."""
        announced = bounds.interval if self.interval is None else self.interval
        return max(bounds.anybody, min(announced, bounds.interval))

    def asked(self) -> None:
        """The hub asked for an answer, which is no heartbeat and no event of the agent's own."""
        self.commands += 1

    def take(self, wanted: int, ts: float, bounds: Bounds) -> int:
        """How many of `wanted` heartbeats may come from that of the agent's time `ts` (epoch s)
        on, which are counted with this: by the day, and by those due in the agent's own time.
        What lay in a broker meanwhile comes at once, but was not made at once."""
        if self._rated is not bounds or self._announced != self.interval:
            believed = self.believed(bounds)
            self._rated, self._announced = bounds, self.interval
            self._due, self._apart = bounds.beats(believed), believed / SLACK
        day, apart = self._due + self.commands, self._apart
        ahead = max(0.0, self._ahead - max(0.0, ts - self._ts))
        burst = (bounds.spare + self.commands) * apart
        taken = max(0, min(wanted, day - self.beats, int((burst - ahead) // apart)))
        if taken:
            self.beats += taken
            self._ahead, self._ts = ahead + taken * apart, ts
        return taken

    def _heartbeat(self, beat: Heartbeat, bounds: Bounds, counted: bool) -> str | None:
        if beat.interval is not None:
            self.interval = beat.interval
        field = self._metrics(beat.metrics, bounds)
        if field is None:
            field = self._session(beat.boot, bounds)
        if field is None and not counted and not self.take(1, epoch(beat.ts), bounds):
            return ""
        return field

    def _status(self, status: Status | Answer, bounds: Bounds) -> str | None:
        said = status.versions
        versions = self.versions if said is None else (said.agent, said.sidecar, said.runtime)
        versions_change = bool(self.versions) and versions != self.versions
        if versions_change and self._versions >= bounds.versions:
            return "versions"
        config = status.config or self.config
        config_changes = self.config is not None and config != self.config
        if config_changes and self._configs >= bounds.configs:
            return "config"
        field = self._metrics(status.metrics, bounds)
        if field is None:
            field = self._session(status.boot, bounds)
        if field is None:
            self.versions, self.config = versions, config
            self._versions += versions_change
            self._configs += config_changes
        return field

    def _metrics(self, metrics: Mapping[str, float] | None, bounds: Bounds) -> str | None:
        if not metrics or metrics.keys() <= self._names:
            return None
        new = metrics.keys() - self._names
        limit = bounds.metrics * (FIRST_DAY if self._day == self._first else 1)
        if self._new + len(new) > limit:
            return "metrics"
        self._new += len(new)
        kept = self._names if len(self._names) + len(new) <= MAX_NAMES else frozenset(metrics)
        self._names = _shared(kept | new)
        return None

    def _session(self, boot: int | None, bounds: Bounds) -> str | None:
        if boot is None or boot == self.boot:
            return None
        if self.boot is not None:
            if self._sessions >= bounds.sessions:
                return "boot"
            self._sessions += 1
        self.boot, self._seq = boot, -1
        return None
