"""Every agent that was ever heard of, and what is true of each now.

Fed by the hub with what it commits, or by the CLI with retained messages alone. A timing
wheel holds each agent until time alone may next change its verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fleet.contract.heartbeat_fast_path import Beat
from fleet.contract.limits import DEFAULT_INTERVAL
from fleet.contract.messages import Alert, Heartbeat, Message, Status
from fleet.contract.timestamps import epoch
from fleet.contract.topics import Address
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain import apply, hub_alerts
from fleet.domain.agent_record import SINCE, SKEW, STATUS_TS, AgentRecord
from fleet.domain.agent_view import AgentView, worst_first
from fleet.domain.apply_unchanged import apply_unchanged
from fleet.domain.arrival import Arrival
from fleet.domain.config_groups import ConfigGroups
from fleet.domain.enrolment import Enrolment
from fleet.domain.events import Event, Fact
from fleet.domain.record_json import from_json, to_json
from fleet.domain.record_view import view_of
from fleet.domain.severities import severity_of
from fleet.domain.timing_wheel import TimingWheel
from fleet.domain.verdict import Verdict

MAX_GHOSTS: Final = 1000
"""Records kept of names that are not enrolled: a flood of invented names stays bounded."""

_UNLISTED: Final = Enrolment()


class Roster:
    """The fleet. Not thread-safe: one owner feeds it.

    `enrolled` None means that nobody keeps a list, so nobody is a ghost. `interval` is what
    counts, in seconds, for an agent that does not say its own.
    """

    def __init__(
        self,
        *,
        interval: float = DEFAULT_INTERVAL,
        enrolled: Mapping[str, Enrolment] | None = None,
        max_unlisted: float = float("inf"),
    ) -> None:
        self._interval = interval
        self._max_unlisted = max_unlisted
        self._enrolled = enrolled
        self._records: dict[str, AgentRecord] = {}
        self.membership = 0
        """Changes whenever `names` may."""
        self._groups = ConfigGroups()
        self._wheel: TimingWheel[AgentRecord] = TimingWheel()
        self._ghosts = 0
        self._stopped_at: float | None = None
        self._listening_since = float("-inf")
        self._waiting: dict[str, AgentRecord] = {}
        self.unheard: set[str] = set()
        """Whoever was well, and would be late or stale by now if nobody listened: unknown."""

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def names(self) -> set[str]:
        """Everyone heard of or enrolled."""
        return set(self._records) | set(self._enrolled or ())

    # Feeding

    def observe(
        self, address: Address, message: Message, *, at: float, retained: bool = False
    ) -> list[Event]:
        """What a message makes known. `at` is the hub's clock at receipt, seconds since epoch."""
        if not isinstance(message, (Heartbeat, Status, Alert)):
            return []
        record = self._records.get(address.agent)
        events: list[Event] = []
        if record is None:
            record = self._admit(address.agent, at, events)
            if record is None:
                return events
        reported, profile, config = record.reported, record.profile, record.config
        since = self._listening_since if self._stopped_at is None else float("inf")
        arrival = Arrival(at, epoch(message.ts), retained, since, self._interval)
        applied = apply.apply(record, message, arrival)
        if not retained:
            self.unheard.discard(address.agent)
        nothing_new = reported is record.reported and profile is record.profile and not retained
        if (
            nothing_new
            and type(message) is Heartbeat
            and not (applied or events)
            and hub_alerts.is_unchanged(record)
        ):
            return events
        events += applied
        if record.config != config:
            for name in self._enter_config(record):
                other = self._records.get(name)
                if other is not None and other is not record:
                    self._judge(other, at, events)
        self._judge(record, at, events)
        return events

    def observe_unchanged(self, name: str, beat: Beat, at: float) -> bool:
        """Apply a live heartbeat that changes nothing but its numbers, as `observe` would; False,
        and nothing is changed, if it may be more than that."""
        record = self._records.get(name)
        if record is None or not apply_unchanged(record, beat, at, epoch(beat.ts)):
            return False
        if self.unheard:
            self.unheard.discard(name)
        return True

    def observe_cleared(self, address: Address, *, at: float) -> list[Event]:
        """Somebody emptied retained state. What was heard stays true; the act is an event."""
        return [Event(Fact.RETAINED_CLEARED, address.agent, at, word=address.kind)]

    def tick(self, now: float) -> list[Event]:
        """What time alone changed since the last tick. While nobody listens that is nothing: who
        would be silent by now is judged when somebody does again, and unknown until then."""
        events: list[Event] = []
        if self._stopped_at is not None:
            for record in self._wheel.due(now):
                self._waiting[record.name] = record
                self._doubt(record, now)
                self._schedule(record, now)
            return events
        for record in self._wheel.due(now):
            self._judge(record, now, events)
        return events

    def stop_listening(self, at: float) -> None:
        """The hub stopped listening: from now on silence is its own, not the agents'."""
        if self._stopped_at is None:
            self._stopped_at = at

    def resume_listening(self, at: float) -> list[Event]:
        """The hub listens again and has caught up: silence counts again."""
        self._stopped_at, self._listening_since = None, at
        waiting, self._waiting = self._waiting, {}
        self.unheard.clear()
        events: list[Event] = []
        for record in waiting.values():
            self._judge(record, at, events)
        return events + self.tick(at)

    # Enrolment

    @property
    def has_list(self) -> bool:
        """Whether somebody keeps a list of who is enrolled."""
        return self._enrolled is not None

    def enrol(self, enrolled: Mapping[str, Enrolment] | None, *, at: float) -> list[Event]:
        """Replace the list of who belongs to the fleet."""
        self._enrolled = enrolled
        self.membership += 1
        events: list[Event] = []
        self._groups.clear()
        for record in self._records.values():
            self._enter_config(record)
        for record in self._records.values():
            self._judge(record, at, events)
        self._ghosts = sum(r.verdict is Verdict.GHOST for r in self._records.values())
        return events

    def forget(self, name: str) -> None:
        """Drop an agent, as after its revocation."""
        record = self._records.pop(name, None)
        self._waiting.pop(name, None)
        self.unheard.discard(name)
        self.membership += 1
        if record is not None:
            record.slot = None
            self._ghosts -= record.verdict is Verdict.GHOST

    def accept_config(self, name: str, *, at: float) -> list[Event]:
        """An operator accepts the configuration an agent drifted to."""
        record = self._records.get(name)
        events: list[Event] = []
        if record is not None:
            record.ensure_rare().config_before = None
            record.drop_empty_rare()
            self._judge(record, at, events)
        return events

    # Asking

    def view(self, name: str, now: float) -> AgentView:
        """One agent at `now`; a name nobody heard of is unknown, not an error."""
        record = self._records.get(name) or AgentRecord(name)
        enrolled, enrolment = self._is_enrolled(name), (self._enrolled or {}).get(name)
        interval, clock = self._interval, self._clock(now)
        verdict = hub_alerts.verdict_of(record, clock, default=interval, enrolled=enrolled)
        return view_of(
            record,
            Verdict.UNKNOWN if name in self.unheard else verdict,
            self._codes(record, verdict, clock),
            now=now,
            interval=hub_alerts.interval_of(record, interval),
            enrolled=enrolled,
            enrolment=enrolment or _UNLISTED,
        )

    def verdict(self, name: str) -> Verdict:
        """The verdict of the last tick or message: what costs no view."""
        record = self._records.get(name)
        return record.verdict if record and name not in self.unheard else Verdict.UNKNOWN

    def said_at(self, name: str) -> float | None:
        """When an agent last said how it is, by its own clock (s since the epoch)."""
        record = self._records.get(name)
        return record.number(STATUS_TS) if record else None

    def knows(self, name: str) -> bool:
        """Whether somebody of that name was heard of or is enrolled."""
        return name in self._records or name in (self._enrolled or ())

    def group(self, name: str) -> str | None:
        """The group whose configuration this agent is held against."""
        enrolment = (self._enrolled or {}).get(name)
        return enrolment.labels.get("group") if enrolment else None

    def views(self, now: float) -> list[AgentView]:
        """Everyone at `now`, worst first, then by name."""
        return worst_first(self.view(name, now) for name in self.names())

    def counts(self) -> dict[Verdict, int]:
        """Agents by the verdict of the last tick or message; who was never heard is unknown."""
        found = dict.fromkeys(Verdict, 0)
        for record in self._records.values():
            found[record.verdict] += 1
        found[Verdict.OK] -= len(self.unheard)
        found[Verdict.UNKNOWN] += len(self.unheard)
        found[Verdict.UNKNOWN] += sum(name not in self._records for name in self._enrolled or ())
        return found

    def receipt(self, name: str, boot: int) -> int | None:
        """The number up to which session `boot` may be receipted; None if there is none yet."""
        record = self._records.get(name)
        if record is None:
            return None
        seen = record.sequence if boot == record.boot else dict(record.past).get(boot)
        return seen.receipt() if seen else None

    # Keeping

    def dump(self, names: Iterable[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Records in JSON form, all or those of `names`."""
        for name in list(self._records) if names is None else names:
            if name in self._records:
                yield name, to_json(self._records[name])

    def load(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Take over records that `dump` gave. No event: nothing happened."""
        for name, values in records:
            record = from_json(name, values)
            self._records[name] = record
            self.membership += 1
            self._enter_config(record)
            self._ghosts += record.verdict is Verdict.GHOST
            self._schedule(record, float("-inf"))  # the first tick looks at what is past

    # Inside

    def _clock(self, now: float) -> float:
        return now if self._stopped_at is None else min(now, self._stopped_at)

    def _is_enrolled(self, name: str) -> bool:
        return self._enrolled is None or name in self._enrolled

    def _admit(self, name: str, at: float, events: list[Event]) -> AgentRecord | None:
        if self._is_crowded(name):
            events.append(Event(Fact.CROWDED, name, at))
            return None
        if not self._is_enrolled(name):
            events.append(Event(Fact.GHOST, name, at))
        record = self._records[name] = AgentRecord(name)
        self.membership += 1
        return record

    def _is_crowded(self, name: str) -> bool:
        """Whether a flood of invented names is to be held back here."""
        if self._enrolled is None:
            return len(self._records) >= self._max_unlisted
        return name not in self._enrolled and self._ghosts >= MAX_GHOSTS

    def _enter_config(self, record: AgentRecord) -> Iterable[str]:
        """Compare with its group; whoever is to be judged anew by that."""
        return self._groups.enter(self.group(record.name), record.name, record.config)

    def _codes(self, record: AgentRecord, verdict: Verdict, clock: float) -> frozenset[str]:
        differs_from_group = self._groups.differs(self.group(record.name), record.name)
        return hub_alerts.codes_of(record, verdict, clock, differs_from_group=differs_from_group)

    def _judge(self, record: AgentRecord, now: float, events: list[Event]) -> None:
        """Hold verdict and hub alerts against the record, and tell what changed."""
        clock = self._clock(now)
        verdict = hub_alerts.verdict_of(
            record, clock, default=self._interval, enrolled=self._is_enrolled(record.name)
        )
        if verdict is not record.verdict:
            self._ghosts += (verdict is Verdict.GHOST) - (record.verdict is Verdict.GHOST)
            record.verdict = verdict
            record.numbers[SINCE] = now
            events.append(Event(Fact.VERDICT, record.name, now, word=verdict))
        before, after = record.hub_codes, self._codes(record, verdict, clock)
        if after is not before:
            record.hub_codes = after
            events += [
                _hub_alert(Fact.ALERT_FIRING, record, c, now) for c in sorted(after - before)
            ]
            events += [
                _hub_alert(Fact.ALERT_RESOLVED, record, c, now) for c in sorted(before - after)
            ]
        self._schedule(record, clock)
        if self._stopped_at is not None:
            self._doubt(record, now)

    def _doubt(self, record: AgentRecord, now: float) -> None:
        """Note who was well and would be silent by `now`, had somebody listened."""
        self.unheard.discard(record.name)
        if record.verdict is Verdict.OK:
            enrolled = self._is_enrolled(record.name)
            by_now = hub_alerts.verdict_of(record, now, default=self._interval, enrolled=enrolled)
            if by_now in (Verdict.LATE, Verdict.STALE):
                self.unheard.add(record.name)

    def _schedule(self, record: AgentRecord, clock: float) -> None:
        """Look at the record again when time alone may next change what is true of it."""
        moment = hub_alerts.look_again_at(record, clock, default=self._interval)
        self._wheel.schedule(record, moment)


def _hub_alert(fact: Fact, record: AgentRecord, code: str, at: float) -> Event:
    skew = record.number(SKEW) if code == HubAlertCode.CLOCK_SKEW else None
    severity = severity_of(code, goodbye=record.reported.goodbye)
    return Event(fact, record.name, at, code, severity, skew)
