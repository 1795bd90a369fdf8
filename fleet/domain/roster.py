"""Every agent that was ever heard of, and what is true of each now.

Fed by the hub with what it commits, or by the CLI with retained messages alone. A timing
wheel holds each agent until time alone may next change its verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fleet.contract.answer_fast_path import Answer
from fleet.contract.fields import Message
from fleet.contract.heartbeat_fast_path import Beat
from fleet.contract.limits import DEFAULT_INTERVAL
from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.timestamps import epoch
from fleet.contract.topics import Address
from fleet.contract.work_messages import Progress
from fleet.domain import apply, apply_answer, degraded, hub_alerts, restamp
from fleet.domain.agent_record import SINCE, AgentRecord
from fleet.domain.alerts import AlertBook
from fleet.domain.apply_unchanged import apply_unchanged
from fleet.domain.arrival import Arrival
from fleet.domain.enrolment import Enrolment
from fleet.domain.events import Event, Fact
from fleet.domain.hub_clock import Step
from fleet.domain.record_json import from_json, to_json
from fleet.domain.roster_views import RosterViews
from fleet.domain.timing_wheel import TimingWheel
from fleet.domain.verdict import Verdict

MAX_GHOSTS: Final = 1000
"""Records kept of names that are not enrolled: a flood of invented names stays bounded."""


class Roster(RosterViews):
    """The fleet. Not thread-safe: one owner feeds it.

    `enrolled` None means that nobody keeps a list, so nobody is a ghost. `interval` is what
    counts, in seconds, for an agent that does not say its own. `degraded_after`: seconds that one
    may be unwell in silence.
    """

    def __init__(
        self,
        *,
        interval: float = DEFAULT_INTERVAL,
        enrolled: Mapping[str, Enrolment] | None = None,
        max_unlisted: float = float("inf"),
        degraded_after: float = degraded.AFTER,
    ) -> None:
        super().__init__(interval=interval, enrolled=enrolled, degraded_after=degraded_after)
        self._max_unlisted = max_unlisted
        self._wheel: TimingWheel[AgentRecord] = TimingWheel()
        self._ghosts = 0
        self._waiting: dict[str, AgentRecord] = {}

    def observe(
        self, address: Address, message: Message, *, at: float, retained: bool = False
    ) -> list[Event]:
        """What a message makes known. `at` is the hub's clock at receipt, seconds since epoch."""
        if not isinstance(message, (Heartbeat, Status, Alert, Progress)):
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
            and hub_alerts.is_unchanged(record, self._clock_error)
        ):
            return events
        events += applied
        if record.config != config:
            for name in self._enter_config(record):
                other = self._records.get(name)
                if other is not None and other is not record:
                    self._judge(other, at, events)
        known = record.hub_codes
        self._judge(record, at, events)
        if known and reported is not record.reported:
            events += hub_alerts.grown(record, known, reported, self._clock_error, at)
        return events

    def observe_unchanged(self, name: str, beat: Beat, at: float) -> bool:
        """Apply a live heartbeat of which nothing follows, as `observe` would; False, and nothing
        is changed, if something may."""
        record, clock = self._records.get(name), at if self._stopped_at is None else self._clock(at)
        ts, error = epoch(beat.ts), self._clock_error
        if record is None or not apply_unchanged(record, beat, at, ts, clock, error=error):
            return False
        self.unheard.discard(name)
        return True

    def answers_as_before(self, name: str, answer: Answer, at: float) -> bool:
        """Whether `observe_answer` would leave the roster, and tell, what `observe` would."""
        record = self._records.get(name)
        return (
            record is not None
            and self._stopped_at is None
            and self._clock_error == 0.0
            and apply_answer.answers_as_before(record, answer, at, default=self._interval)
        )

    def observe_answer(self, name: str, answer: Answer, at: float) -> Event:
        """Apply a live status of which nothing follows but that a command is answered."""
        self.unheard.discard(name)
        return apply_answer.apply_answer(self._records[name], answer, at, epoch(answer.ts))

    def observe_cleared(self, address: Address, *, at: float) -> list[Event]:
        """Somebody emptied retained state. What was heard stays true; the act is an event."""
        return [Event(Fact.RETAINED_CLEARED, address.agent, at, word=address.kind)]

    def tick(self, now: float) -> list[Event]:
        """What time alone changed since the last tick. While nobody listens that is nothing: who
        would be silent by now is judged when somebody does again, and unknown until then."""
        due = self._wheel.due(now)
        if self._stopped_at is None:
            return self._judge_each(due, now)
        for record in due:
            self._waiting[record.name] = record
            self._doubt(record, now)
            self._schedule(record, now)
        return []

    def stop_listening(self, at: float) -> None:
        """The hub stopped listening: from now on silence is its own, not the agents'."""
        self._stopped_at = at if self._stopped_at is None else self._stopped_at

    def resume_listening(self, at: float) -> list[Event]:
        """The hub listens again and has caught up: silence counts again."""
        self._stopped_at, self._listening_since = None, at
        waiting, self._waiting = self._waiting, {}
        self.unheard.clear()
        return self._judge_each(waiting.values(), at) + self.tick(at)

    # The hub's own clock

    def know_clock_error(self, error: float | None, at: float) -> list[Event]:
        """The hub's clock is ahead by `error` s (None: nobody knows by how much): agents are not
        to be blamed for it."""
        known, self._clock_error = self._clock_error, error
        says_more = error not in (None, known)
        return self._judge_each(self._records.values(), at) if says_more else []

    def restamp(self, step: Step) -> None:
        """The hub's stamps moved. No event: nothing happened."""
        self._wheel = TimingWheel()
        for record in self._records.values():
            restamp.restamp(record, step)
            record.slot = None
            self._schedule(record, float("-inf"))
        if self._stopped_at is not None:
            self._stopped_at = step.moved(self._stopped_at)

    def skews(self, since: float) -> list[float]:
        """How far (s) the hub's clock is ahead of the agents', as heard after `since`."""
        return restamp.skews(self._records.values(), since)

    # Enrolment

    def know_list(self, enrolled: Mapping[str, Enrolment] | None) -> None:
        """This list of who belongs to the fleet counted before: by it nobody is judged anew."""
        self._enrolled = enrolled
        self.membership += 1
        self._groups.clear()
        for record in self._records.values():
            self._enter_config(record)

    def enrol(self, enrolled: Mapping[str, Enrolment] | None, *, at: float) -> list[Event]:
        """Replace the list of who belongs to the fleet."""
        self.know_list(enrolled)
        events = self._judge_each(self._records.values(), at)
        self._count_ghosts()
        return events

    def forget(self, name: str) -> AgentRecord | None:
        """Drop an agent, as after its revocation; its record, if there was one."""
        record = self._records.pop(name, None)
        self._waiting.pop(name, None)
        self.unheard.discard(name)
        self.membership += 1
        if record is not None:
            record.slot = None
            self._ghosts -= record.verdict is Verdict.GHOST
            self._groups.leave(self.group(name), name)
        return record

    def rename(self, old: str, new: str, *, at: float) -> list[Event] | None:
        """What is known of `old` is known of `new` from now on; None where nothing is, or where
        `new` was heard already and says itself how it is: then `old` is forgotten."""
        record = self.forget(old)
        if record is None or new in self._records:
            return None
        record.name = new
        self._records[new] = record
        self._ghosts += record.verdict is Verdict.GHOST
        self._enter_config(record)
        return self._judge_each([record], at)

    def accept_config(self, name: str, *, at: float) -> list[Event]:
        """An operator accepts the configuration an agent drifted to."""
        record = self._records.get(name)
        if record is None:
            return []
        record.accept_config()
        return self._judge_each([record], at)

    # Keeping

    def dump(self, names: Iterable[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Records in JSON form, all or those of `names`."""
        for name in list(self._records) if names is None else names:
            if name in self._records:
                yield name, to_json(self._records[name])

    def load(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Take over records that `dump` gave. No event: nothing happened."""
        for name, values in records:
            self._take(name, from_json(name, values))

    def become(
        self,
        records: Iterable[tuple[str, Mapping[str, Any]]],
        enrolled: Mapping[str, Enrolment] | None,
    ) -> None:
        """Know these and nobody else, by this list. No event: nobody is judged anew. What cannot be
        read raises before anything is forgotten."""
        read = [(name, from_json(name, values)) for name, values in records]
        self.clear()
        self._enrolled = enrolled
        self.membership += 1
        for name, record in read:
            self._take(name, record)

    def take_over(self, other: Roster) -> None:
        """Know what `other` knows, which is not to be used any more; whether anybody listens, and
        what is known of the hub's clock, begin anew."""
        self._records, self._groups, self._wheel = other._records, other._groups, other._wheel
        self._enrolled, self._ghosts = other._enrolled, other._ghosts
        self._waiting, self.unheard = other._waiting, other.unheard
        self.membership += 1

    def go_on_with(self, book: AlertBook) -> None:
        """Let what fires by the records be what `book` has; by whose record it was something else
        is judged as soon as somebody listens, and so begins or ends it."""
        for name, record in self._records.items():
            known = book.firing_of(name)
            if not (known or record.hub_codes):
                continue
            self._by_verdict.note(name, record.verdict)
            if hub_alerts.go_on_with(record, known):
                self._waiting[name] = record
                self._schedule(record, float("-inf"))  # who is well may be silent by now
        self._count_ghosts()

    def _take(self, name: str, record: AgentRecord) -> None:
        self.forget(name)  # or the wheel would judge a record that stands for nobody any more
        self._records[name] = record
        self._enter_config(record)
        self._ghosts += record.verdict is Verdict.GHOST
        self._schedule(record, float("-inf"))  # the first tick looks at what is past

    def clear(self) -> None:
        """Know nobody, as at first; the list of who belongs to the fleet stays."""
        for name in list(self._records):
            self.forget(name)
        self._wheel = TimingWheel()
        self._stopped_at, self._listening_since = None, float("-inf")

    # Inside

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

    def _count_ghosts(self) -> None:
        self._ghosts = sum(r.verdict is Verdict.GHOST for r in self._records.values())

    def _enter_config(self, record: AgentRecord) -> Iterable[str]:
        """Compare with its group; whoever is to be judged anew by that."""
        return self._groups.enter(self.group(record.name), record.name, record.config)

    def _judge_each(self, records: Iterable[AgentRecord], now: float) -> list[Event]:
        events: list[Event] = []
        for record in records:
            self._judge(record, now, events)
        return events

    def _judge(self, record: AgentRecord, now: float, events: list[Event]) -> None:
        """Hold verdict and hub alerts against the record, and tell what changed."""
        clock = self._clock(now)
        verdict = self._verdict(record, clock)
        if verdict is not record.verdict:
            self._ghosts += (verdict is Verdict.GHOST) - (record.verdict is Verdict.GHOST)
            self._by_verdict.note(record.name, record.verdict)
            record.verdict = verdict
            record.numbers[SINCE] = now
            events.append(Event(Fact.VERDICT, record.name, now, word=verdict))
        degraded.note(record, verdict, now)
        before, after = record.hub_codes, self._codes(record, verdict, clock)
        if after is not before:
            record.hub_codes = after
            error = self._clock_error
            events += hub_alerts.events(Fact.ALERT_FIRING, record, after - before, error, now)
            events += hub_alerts.events(Fact.ALERT_RESOLVED, record, before - after, error, now)
        self._schedule(record, clock)
        if self._stopped_at is not None:
            self._doubt(record, now)

    def _doubt(self, record: AgentRecord, now: float) -> None:
        """Note who was well and would be silent by `now`, had somebody listened."""
        self.unheard.discard(record.name)
        silent = (Verdict.LATE, Verdict.STALE)
        if record.verdict is Verdict.OK and self._verdict(record, now) in silent:
            self.unheard.add(record.name)

    def _schedule(self, record: AgentRecord, clock: float) -> None:
        """Look at the record again when time alone may next change what is true of it."""
        moment = hub_alerts.look_again_at(
            record, clock, default=self._interval, degraded_after=self._degraded_after
        )
        self._wheel.schedule(record, moment)
