"""What a message says, taken into the agent's record: heartbeats, statuses, alerts."""

from __future__ import annotations

from fleet.contract.messages import Alert, Heartbeat, Reply, Status
from fleet.contract.words import AlertState, Result, Severity, State, Verb
from fleet.domain import liveness
from fleet.domain.arrival import Arrival
from fleet.domain.facts import Event, Fact
from fleet.domain.record import Record, digest_bytes, shared
from fleet.domain.skew import confirmed


def take(record: Record, message: Heartbeat | Status | Alert, arrival: Arrival) -> list[Event]:
    """What `message` makes known of the agent; `record` is changed."""
    if isinstance(message, Heartbeat):
        return _beat(record, message, arrival)
    if isinstance(message, Status):
        return _status(record, message, arrival)
    return _alert(record, message, arrival)


def _is_overtaken(known: float | None, arrival: Arrival) -> bool:
    """Whether a later message of the same kind was taken already."""
    if known is None:
        return False
    return arrival.ts <= known if arrival.retained else arrival.behind and arrival.ts < known


def _beat(record: Record, beat: Heartbeat, arrival: Arrival) -> list[Event]:
    at = arrival.at
    if _is_overtaken(record.beat_ts, arrival):
        return [] if beat.seq is not None else [Event(Fact.DUPLICATE, record.name, at)]
    events = _revive(record, arrival)
    _learn_skew(record, arrival)
    moment = arrival.moment(record.skew)
    record.beat_at, record.beat_ts = moment, arrival.ts
    record.see(moment)
    record.ok = beat.ok
    if beat.uptime is not None:
        record.uptime = beat.uptime
    if beat.interval is not None and beat.interval != record.interval:
        record.interval = shared(beat.interval)
    if beat.checks is not None:
        record.set_checks(beat.checks, moment)
    if beat.metrics is not None:
        record.set_metrics(beat.metrics)
    if beat.alerts is not None:
        record.lists_codes = True
        events += _codes(record, frozenset(beat.alerts), at)
    _weigh(record)
    return events


def _revive(record: Record, arrival: Arrival) -> list[Event]:
    """A live beat ends an offline. A retained one was often kept from before the end, so it
    does so only without session numbers and when it is dated later."""
    if record.state is not State.OFFLINE:
        return []
    if not arrival.retained:
        record.state = None
        return [Event(Fact.BIRTH, record.name, arrival.at)]
    if record.boot is None and arrival.ts > (record.said_ts or 0.0):
        record.state = None
    return []


def _learn_skew(record: Record, arrival: Arrival) -> None:
    if arrival.retained or record.beat_ts is None or record.beat_at is None:
        return
    offset = arrival.at - arrival.ts
    if confirmed(offset, arrival.ts, record.beat_at - record.beat_ts, record.beat_ts):
        record.skew = offset


def _status(record: Record, status: Status, arrival: Arrival) -> list[Event]:
    name, at = record.name, arrival.at
    reply = status.reply
    events = [Event(Fact.REPLY, name, at, word=reply.verb, id=reply.to or "")] if reply else []
    goodbye = status.state is State.OFFLINE
    if _is_overtaken(record.said_ts, arrival) and not (goodbye and arrival.retained):
        repeated = arrival.retained and status.seq is None
        return [*events, Event(Fact.DUPLICATE, name, at)] if repeated else events
    if goodbye and arrival.retained and status.boot is None and arrival.ts < (record.beat_ts or 0):
        return [*events, Event(Fact.DUPLICATE, name, at)]  # an unnumbered beat came after it
    record.said_ts = arrival.ts
    events += _state(record, status, arrival)
    _facts(record, status)
    if status.config is not None:
        events += _config(record, status.config, reply, at)
    if status.checks is not None:
        record.set_checks(status.checks, arrival.moment(record.skew))
    _weigh(record)
    return events


def _state(record: Record, status: Status, arrival: Arrival) -> list[Event]:
    """What the agent states, and for a birth the sign of life."""
    before, record.state = record.state, status.state
    name, at = record.name, arrival.at
    if status.state is State.OFFLINE:
        return [] if before is State.OFFLINE else [Event(Fact.OFFLINE, name, at, word=before or "")]
    if status.reply is None:
        record.see(arrival.moment(record.skew))
    if before is status.state:
        return []
    events = [Event(Fact.STATE, name, at, word=status.state)]
    if before is State.OFFLINE and not arrival.retained:
        events.insert(0, Event(Fact.BIRTH, name, at))
    return events


def _facts(record: Record, status: Status) -> None:
    if status.kind is not None:
        record.kind = status.kind
    if status.versions is not None:
        told = status.versions
        record.versions = shared((told.agent, told.sidecar, told.runtime))
    if status.metrics is not None:
        record.set_metrics(status.metrics)


def _config(record: Record, told: str, reply: Reply | None, at: float) -> list[Event]:
    """A new fingerprint is drift until it is reverted, accepted, or was asked for."""
    digest = digest_bytes(told)
    before, record.config = record.config, digest
    if before is None or before == digest:
        return []
    asked = reply and reply.verb is Verb.CONFIG_RELOAD and reply.result is Result.DONE
    baseline = record.config_before or before
    record.config_before = None if asked or baseline == digest else baseline
    return [Event(Fact.CONFIG, record.name, at, word=told)]


def _alert(record: Record, alert: Alert, arrival: Arrival) -> list[Event]:
    if arrival.retained and record.lists_codes and arrival.ts <= (record.beat_ts or 0.0):
        return []  # a later heartbeat already listed what fires
    firing = alert.state is AlertState.FIRING
    after = record.codes | {alert.code} if firing else record.codes - {alert.code}
    return _codes(record, after, arrival.at, alert)


def _codes(
    record: Record, after: frozenset[str], at: float, alert: Alert | None = None
) -> list[Event]:
    """The alerts that start or end; a heartbeat lists codes only: they count as warnings."""
    before = record.codes
    if before == after:
        return []
    record.codes = shared(after)
    severity = alert.severity if alert else Severity.WARNING
    amount = alert.value if alert else None
    changes = [(Fact.ALERT_FIRING, after - before), (Fact.ALERT_RESOLVED, before - after)]
    return [
        Event(fact, record.name, at, code, severity, amount)
        for fact, codes in changes
        for code in sorted(codes)
    ]


def _weigh(record: Record) -> None:
    """Count reports in a row that contradict themselves."""
    split = liveness.dissent(ok=record.ok, state=record.state, checks=record.results())
    record.dissents = min(record.dissents + 1, 255) if split else 0
