"""One message applied to one agent's record: first whose session it is, then whether it was
seen before. What it says is applied by `apply_payload`, presence and hub alerts follow in `roster`.
"""

from __future__ import annotations

from typing import Final

from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.vocabulary import State
from fleet.contract.work_messages import Progress
from fleet.domain import twins
from fleet.domain.agent_record import MAX_PAST, SKEW, AgentRecord
from fleet.domain.apply_payload import apply_payload, outlives
from fleet.domain.arrival import Arrival
from fleet.domain.events import Event, Fact
from fleet.domain.hub_alerts import interval_of
from fleet.domain.liveness import late_at
from fleet.domain.repetition import digest_of, is_repeated
from fleet.domain.sequences import Sequence
from fleet.domain.sessions import SessionAge, session_of

RESEND_AFTER: Final = 5.0
"""Seconds of unbroken listening before a repetition proves that the sidecar sent its outbox
again; sooner, it may be the broker that repeats what it had in flight."""

FromAgent = Heartbeat | Status | Alert | Progress


def apply(record: AgentRecord, message: FromAgent, arrival: Arrival) -> list[Event]:
    """What `message` makes known; `record` is changed."""
    if (
        arrival.retained
        and record.last_ts is not None
        and arrival.moment(record.number(SKEW)) is None
    ):
        return [Event(Fact.RETAINED_FORGED, record.name, arrival.at)]
    events: list[Event] = []
    boot, seq = message.boot, message.seq
    arrival.numbered = seq is not None
    if _is_will(message) and twins.used_twice(record.rare, arrival.at):
        return [Event(Fact.TURN, record.name, arrival.at)]  # the other one has its place
    if seq is None and not isinstance(message, Progress):
        arrival.digest = digest_of(message)
        if is_repeated(record, message, arrival):
            return [Event(Fact.DUPLICATE, record.name, arrival.at)]
    if boot is not None:
        if boot != record.boot:
            session = _session(record, message, boot, arrival)
            if session in (SessionAge.OLD, SessionAge.LATE_WILL):
                earlier = _enter_earlier(record, boot, seq, session, arrival.at)
                return [earlier, *outlives(record, message, arrival)]
            events += _begin_session(record, boot, session, message, arrival)
        if seq is not None and not record.accept_next(seq):
            numbered = _enter_number(record, message, seq, arrival)
            if numbered is None:
                return [Event(Fact.DUPLICATE, record.name, arrival.at, id=str(seq))]
            events += numbered
    beats = isinstance(message, Heartbeat) and not arrival.retained
    if beats and twins.note_heartbeat(record, arrival.at):
        events.append(Event(Fact.TURN, record.name, arrival.at))
    return events + apply_payload(record, message, arrival)


def _session(record: AgentRecord, message: FromAgent, boot: int, arrival: Arrival) -> SessionAge:
    live = not arrival.retained
    return session_of(
        boot,
        record.boot,
        offline=_is_goodbye(message),
        newer=live and (record.last_ts is None or arrival.ts > record.last_ts),
        replaced=any(boot == past for past, _ in record.past),
        overdue=live and isinstance(message, Heartbeat) and _is_overdue(record, arrival),
    )


def _is_overdue(record: AgentRecord, arrival: Arrival) -> bool:
    """Whether the known session ended or is late already."""
    if record.seen_at is None or record.reported.state is State.OFFLINE:
        return True
    return arrival.at >= late_at(record.seen_at, interval_of(record, arrival.interval))


def _begin_session(
    record: AgentRecord, boot: int, session: SessionAge, message: FromAgent, arrival: Arrival
) -> list[Event]:
    """A session begins, unless all we hear of it is its will."""
    at = arrival.at
    again = not arrival.retained and twins.begins_again(record, boot, arrival.ts)
    turn = again and twins.used_twice(record.rare, at)
    record.begin_session(boot, keep=turn)
    if again:
        record.ensure_rare().returning = True
    if turn:
        return [Event(Fact.TURN, record.name, at)]
    if _is_goodbye(message):
        return []
    number = float(boot)
    birth = [Event(Fact.BIRTH, record.name, at, amount=number)]
    back = [Event(Fact.BOOT_BACK, record.name, at, amount=number)]
    return birth + back if session is SessionAge.BACK else birth


def _is_will(message: FromAgent) -> bool:
    return _is_goodbye(message) and message.seq is None


def _is_goodbye(message: FromAgent) -> bool:
    return isinstance(message, Status) and message.state is State.OFFLINE


def _enter_earlier(
    record: AgentRecord, boot: int, seq: int | None, session: SessionAge, at: float
) -> Event:
    """A message of an earlier session: entered, so that a repetition is known as one."""
    fact = Fact.LATE_WILL if session is SessionAge.LATE_WILL else Fact.OLD_SESSION
    if seq is None:
        return Event(fact, record.name, at, amount=float(boot))
    past = dict(record.past)
    seen = past.get(boot)
    if seen is not None and seen.has(seq):
        past[boot] = seen.given_up(seq)
        fact = Fact.DUPLICATE
    else:
        past[boot] = seen.seen(seq) if seen else Sequence.starting(seq)
    record.ensure_rare().past = tuple(sorted(past.items(), reverse=True)[:MAX_PAST])
    return Event(fact, record.name, at, amount=float(boot), id=str(seq))


def _enter_number(
    record: AgentRecord, message: FromAgent, seq: int, arrival: Arrival
) -> list[Event] | None:
    """Enter `seq` and say what is missing, or no longer; None if it was seen before."""
    seen = record.sequence
    if seen is None:
        record.sequence = Sequence.starting(seq)
        return []
    if seen.has(seq):
        since = max(record.gap_at or 0.0, arrival.listening_since)
        resent = not arrival.retained and not isinstance(message, Heartbeat)
        if resent and arrival.at - since >= RESEND_AFTER:
            record.sequence = seen.given_up(seq)
        return None
    arrival.behind = seq < seen.high
    # Of an agent that it knows by what is retained alone a hub missed nothing: it was not there.
    strange = arrival.retained and record.beat_ts is None and not record.past
    lost = 0 if strange else seen.lost(seq)
    record.sequence = after = seen.seen(seq)
    if lost:
        record.ensure_rare().gap_at = arrival.at
        return [Event(Fact.GAP, record.name, arrival.at, amount=float(lost))]
    if seen.lacks(seq):
        if not after.holes:
            record.ensure_rare().gap_at = None
            record.drop_empty_rare()
        return [Event(Fact.FILLED, record.name, arrival.at, id=str(seq))]
    return []
