"""What a message says, applied to the agent's record: heartbeats, statuses, alerts."""

from __future__ import annotations

from dataclasses import replace

from fleet.contract.messages import Alert, Heartbeat, Reply, Status
from fleet.contract.vocabulary import AlertState, Result, State, Verb
from fleet.contract.work_messages import Progress
from fleet.domain import repetition
from fleet.domain.agent_record import (
    SKEW,
    STATUS_TS,
    UPTIME,
    AgentRecord,
    digest_number,
)
from fleet.domain.arrival import Arrival
from fleet.domain.clock_skew import confirmed
from fleet.domain.events import Event, Fact
from fleet.domain.reported_state import reported_state, shared
from fleet.domain.severities import severity_of


def apply_payload(
    record: AgentRecord, message: Heartbeat | Status | Alert | Progress, arrival: Arrival
) -> list[Event]:
    """What `message` makes known of the agent; `record` is changed. How far a task is says nothing
    of how the agent is: whoever keeps the tasks is told of that."""
    if isinstance(message, Heartbeat):
        return _beat(record, message, arrival)
    if isinstance(message, Status):
        return _status(record, message, arrival)
    return _alert(record, message, arrival) if isinstance(message, Alert) else []


def outlives(
    record: AgentRecord, message: Heartbeat | Status | Alert | Progress, arrival: Arrival
) -> list[Event]:
    """What of a retained message of an earlier session is true still, until the new one says
    otherwise: a session ends no alert, and keeps its rhythm."""
    if not arrival.retained:
        return []
    if isinstance(message, Alert):
        return _alert(record, message, arrival)
    if not isinstance(message, Heartbeat) or record.beat_ts is not None:
        return []
    if message.interval is not None and record.profile.interval is None:
        record.profile = shared(replace(record.profile, interval=message.interval))
    if message.alerts is None or record.reported.lists_codes:
        return []
    before, codes = record.reported.codes, _listed(record, message.alerts, arrival)
    record.reported = record.reported.replace(codes=codes, lists_codes=True)
    return _changed(record, before, codes, arrival.at)


def _is_overtaken(known: float | None, arrival: Arrival) -> bool:
    """Whether a later message of the same kind was taken already."""
    if known is None:
        return False
    return arrival.ts <= known if arrival.retained else arrival.behind and arrival.ts < known


def _is_behind_the_beat(record: AgentRecord, arrival: Arrival) -> bool:
    """Whether a heartbeat was taken that is later than this status or alert. Of one that comes live
    without a number the times decide, too; a clock that was set back costs one interval so."""
    if arrival.retained:
        return arrival.ts <= (record.beat_ts or 0.0)
    late = arrival.behind or not arrival.numbered
    return late and arrival.ts < (record.beat_ts or 0.0)


def _beat(record: AgentRecord, beat: Heartbeat, arrival: Arrival) -> list[Event]:
    at = arrival.at
    if not arrival.out_of_order and record.rare is not None and record.rare.after_beat is not None:
        record.rare.after_beat = None  # it lies before this beat
        record.drop_empty_rare()
    if _is_overtaken(record.beat_ts, arrival):
        return [] if beat.seq is not None else [Event(Fact.DUPLICATE, record.name, at)]
    # A number is news enough: of most heartbeats nothing more is asked.
    if not arrival.numbered and repetition.is_out_of_date(record, arrival):
        return []
    lives = arrival.numbered or repetition.enter_beat(record, arrival)
    reported = record.reported
    state = reported.state
    events: list[Event] = []
    if state is State.OFFLINE and lives:
        state = _state_after_beat(record, arrival, events)
    if lives:
        if not arrival.retained:
            _learn_skew(record, arrival)
        record.beat_at, record.beat_ts = arrival.moment(record.number(SKEW)), arrival.ts
        record.mark_seen(record.beat_at)
    moment = record.beat_at
    if beat.uptime is not None:
        record.numbers[UPTIME] = beat.uptime
    if beat.interval is not None and beat.interval != record.profile.interval:
        record.profile = shared(replace(record.profile, interval=beat.interval))
    later = record.number(STATUS_TS)
    behind = arrival.out_of_order and later is not None and later > arrival.ts
    checks = (
        reported.checks if beat.checks is None else record.merge_checks(beat.checks, moment, behind)
    )
    if beat.metrics is not None and not (behind and record.profile.metrics):
        record.set_metrics(beat.metrics)
    # An unnumbered offline that is later than all else was said, and is no will.
    goodbye = reported.goodbye or (behind and record.boot is None and state is State.OFFLINE)
    codes, lists = reported.codes, reported.lists_codes
    if beat.alerts is not None:
        codes, lists = _listed(record, beat.alerts, arrival), True
        if codes != reported.codes:
            events += _changed(record, reported.codes, codes, at)
    if not (
        beat.ok is reported.ok
        and state is reported.state
        and checks is reported.checks
        and codes == reported.codes
        and lists is reported.lists_codes
        and goodbye is reported.goodbye
    ):
        record.reported = reported_state(
            beat.ok, state, checks, codes, lists, goodbye, reported.stated
        )
    _count_dissent(record, retained=arrival.retained or not lives)
    return events


def _state_after_beat(record: AgentRecord, arrival: Arrival, events: list[Event]) -> State | None:
    """A live beat ends an offline, but for one that was overtaken by it. A retained one was often
    kept from before the end, so it does so only without session numbers and when it is dated
    later."""
    if arrival.behind and arrival.ts < (record.number(STATUS_TS) or 0.0):
        return State.OFFLINE
    if not arrival.retained:
        events.append(Event(Fact.BIRTH, record.name, arrival.at))
        return None
    later = record.boot is None and arrival.ts > (record.number(STATUS_TS) or 0.0)
    return None if later else State.OFFLINE


def _learn_skew(record: AgentRecord, arrival: Arrival) -> None:
    if record.beat_ts is None or record.beat_at is None:
        return
    offset = arrival.at - arrival.ts
    if confirmed(offset, arrival.ts, record.beat_at - record.beat_ts, record.beat_ts):
        record.numbers[SKEW] = offset


def _status(record: AgentRecord, status: Status, arrival: Arrival) -> list[Event]:
    name, at = record.name, arrival.at
    reply = status.reply
    events = [Event(Fact.REPLY, name, at, word=reply.verb, id=reply.to or "")] if reply else []
    offline = status.state is State.OFFLINE
    if repetition.is_before_the_end(record, status, arrival):
        return events
    if _is_overtaken(record.number(STATUS_TS), arrival) and not (offline and arrival.retained):
        repeated = arrival.retained and status.seq is None
        return [*events, Event(Fact.DUPLICATE, name, at)] if repeated else events
    if offline and arrival.retained and status.boot is None and arrival.ts < (record.beat_ts or 0):
        return [*events, Event(Fact.DUPLICATE, name, at)]  # an unnumbered beat came after it
    goodbye = _is_goodbye(status, arrival, record.last_ts)
    stood = record.number(STATUS_TS) if record.reported.state is not State.OFFLINE else None
    lives = repetition.moves_on(stood, arrival)
    record.numbers[STATUS_TS] = arrival.ts
    repetition.remember(record, status, arrival)
    events += _state(record, status, arrival, goodbye=goodbye, lives=lives)
    behind = _is_behind_the_beat(record, arrival)
    _profile(record, status, behind=behind)
    if status.config is not None:
        events += _config(record, status.config, reply, at)
    if status.checks is not None:
        moment = arrival.moment(record.number(SKEW))
        checks = record.merge_checks(status.checks, moment, behind)
        record.reported = record.reported.replace(checks=checks)
    _count_dissent(record, retained=arrival.retained)
    return events


def _is_goodbye(status: Status, arrival: Arrival, last_ts: float | None) -> bool:
    """Whether an offline is a goodbye and no last will, which was written at connect: so it has
    no number, and where nothing has one it is dated before what was said since. In doubt it is
    a will."""
    if status.boot is None:
        return last_ts is not None and arrival.ts > last_ts
    return status.seq is not None


def _state(
    record: AgentRecord, status: Status, arrival: Arrival, *, goodbye: bool, lives: bool
) -> list[Event]:
    """What the agent states, and for a birth the sign of life. Who said goodbye has said it,
    whatever its link says afterwards."""
    before = record.reported.state
    record.reported = record.reported.replace(
        state=status.state, goodbye=goodbye or record.reported.goodbye
    )
    name, at = record.name, arrival.at
    if status.state is State.OFFLINE:
        return [] if before is State.OFFLINE else [Event(Fact.OFFLINE, name, at, word=before or "")]
    if status.reply is None and lives:
        record.mark_seen(arrival.moment(record.number(SKEW)))
    if before is status.state:
        return []
    events = [Event(Fact.STATE, name, at, word=status.state)]
    if before is State.OFFLINE and not arrival.retained:
        events.insert(0, Event(Fact.BIRTH, name, at))
    return events


def _profile(record: AgentRecord, status: Status, *, behind: bool) -> None:
    """`behind`: a later heartbeat was taken, and its numbers stand."""
    profile = record.profile
    if status.kind is not None:
        profile = replace(profile, kind=status.kind)
    if status.versions is not None:
        v = status.versions
        profile = replace(profile, versions=(v.agent, v.sidecar, v.runtime))
    record.profile = shared(profile)
    if status.metrics is not None and not (behind and record.profile.metrics):
        record.set_metrics(status.metrics)


def _config(record: AgentRecord, text: str, reply: Reply | None, at: float) -> list[Event]:
    """A new fingerprint is drift until it is reverted, accepted, or was asked for."""
    digest = digest_number(text)
    before, record.config = record.config, digest
    if before is None or before == digest:
        return []
    asked = reply and reply.verb is Verb.CONFIG_RELOAD and reply.result is Result.DONE
    baseline = before if record.rare is None else record.rare.config_before or before
    record.ensure_rare().config_before = None if asked or baseline == digest else baseline
    record.drop_empty_rare()
    return [Event(Fact.CONFIG, record.name, at, word=text)]


def _alert(record: AgentRecord, alert: Alert, arrival: Arrival) -> list[Event]:
    repetition.remember(record, alert, arrival)
    _note_threshold(record, alert)
    if record.seen_at is None:
        moment = arrival.moment(record.number(SKEW))
        if moment is not None:
            record.ensure_rare().alert_at = max(moment, record.heard_at or moment)
    reported = record.reported
    firing = alert.state is AlertState.FIRING
    codes = reported.codes | {alert.code} if firing else reported.codes - {alert.code}
    if reported.lists_codes and _is_behind_the_beat(record, arrival):
        # A later heartbeat already listed what fires; not how much it matters.
        codes = reported.codes
    elif arrival.retained or arrival.numbered:
        record.ensure_rare().after_beat = (alert.code, arrival.ts, firing)
    stated = tuple(item for item in reported.stated if item[0] != alert.code)
    if firing and alert.severity is not severity_of(alert.code):
        stated = (*stated, (alert.code, alert.severity))
    if (
        codes == reported.codes
        and stated == reported.stated
        and not (firing and alert.value is not None)
    ):
        return []
    record.reported = reported.replace(codes=codes, stated=stated)
    if codes == reported.codes:
        return _stated_again(record, alert, arrival.at)
    return _changed(record, reported.codes, codes, arrival.at, alert)


def _stated_again(record: AgentRecord, alert: Alert, at: float) -> list[Event]:
    """A later statement of what fires already: its severity and value count. What a later heartbeat
    does not list is over, whatever comes late of it."""
    code, reported = alert.code, record.reported
    if code not in reported.codes:
        return []
    value = alert.value if alert.state is AlertState.FIRING else None
    return [Event(Fact.ALERT_FIRING, record.name, at, code, reported.severity(code), value)]


def _note_threshold(record: AgentRecord, alert: Alert) -> None:
    if alert.threshold is not None and alert.state is AlertState.FIRING:
        record.ensure_rare().thresholds[alert.code] = alert.threshold
    elif record.rare is not None:
        record.rare.thresholds.pop(alert.code, None)
        record.drop_empty_rare()


def _listed(record: AgentRecord, listed: list[str], arrival: Arrival) -> frozenset[str]:
    """The codes of a heartbeat; of one that lies before an alert which was taken already, that
    alert's word on its own code stands, and live, where every alert was heard, what is known."""
    codes = frozenset(listed)
    if record.rare is None or record.rare.after_beat is None:
        return codes
    code, ts, firing = record.rare.after_beat
    if not (arrival.out_of_order and arrival.ts < ts):
        record.rare.after_beat = None
        record.drop_empty_rare()
        return codes
    if not arrival.retained:
        return record.reported.codes
    return codes | {code} if firing else codes - {code}


def _changed(
    record: AgentRecord,
    before: frozenset[str],
    after: frozenset[str],
    at: float,
    alert: Alert | None = None,
) -> list[Event]:
    """The alerts that start or end; codes in a heartbeat matter as much as they usually do."""
    amount = alert.value if alert else None
    changes = [(Fact.ALERT_FIRING, after - before), (Fact.ALERT_RESOLVED, before - after)]
    return [
        Event(fact, record.name, at, code, alert.severity if alert else severity_of(code), amount)
        for fact, codes in changes
        for code in sorted(codes)
    ]


def _count_dissent(record: AgentRecord, *, retained: bool) -> None:
    """Count reports in a row that contradict themselves; retained ones are all one report."""
    if record.reported.dissent:
        rare = record.ensure_rare()
        rare.dissents = max(rare.dissents, 1) if retained else min(rare.dissents + 1, 255)
    elif record.rare is not None and record.rare.dissents:
        record.rare.dissents = 0
        record.drop_empty_rare()
