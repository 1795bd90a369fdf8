"""Messages without a number that somebody sends again: a bridge, a broker that was restored.

Such a repetition comes live, whatever it is: nothing in it says that it is old but its own time. So
of one-liners a heartbeat is a sign of life only if its time has moved on, and what says the same of
the same moment was said before. The words of one moment may differ: two calls within a second.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.vocabulary import State
from fleet.domain.agent_record import BEAT_DIGEST, STATUS_TS, AgentRecord
from fleet.domain.arrival import Arrival
from fleet.domain.clock_skew import confirmed

_BYTES: Final = 6
"""Of a digest: a float, in which records keep their numbers, holds so many exactly."""

STATUS: Final = "status"
"""In the place of an alert code: the last status."""


def digest_of(message: Heartbeat | Status | Alert) -> float:
    """A number for all that `message` says."""
    return float(int.from_bytes(blake2b(message.to_payload(), digest_size=_BYTES).digest()))


def is_repeated(record: AgentRecord, message: Heartbeat | Status | Alert, arrival: Arrival) -> bool:
    """Whether just this was said of just this moment, and nothing later of its kind was taken."""
    said = (arrival.ts, arrival.digest)
    rare = record.rare
    if isinstance(message, Heartbeat):
        older = rare.older_beat if rare else None
        return (record.beat_ts, record.number(BEAT_DIGEST)) == said or (
            older is not None and (older[0], older[2]) == said
        )
    if rare is None or rare.said.get(_key(message)) != said:
        return False
    # Who dies twice within a second of his clock has died twice.
    dies = isinstance(message, Status) and message.state is State.OFFLINE
    return not dies or record.reported.state is State.OFFLINE


def remember(record: AgentRecord, message: Status | Alert, arrival: Arrival) -> None:
    """Know this message again. Sidecars number theirs: of their agents nothing is kept."""
    if not arrival.numbered and record.boot is None:
        record.ensure_rare().said[_key(message)] = (arrival.ts, arrival.digest)


def is_out_of_date(record: AgentRecord, arrival: Arrival) -> bool:
    """Whether a heartbeat without a number that comes live is older than one that was taken. A
    second one that agrees with it on the time shows that the clock was set back: then it is not."""
    if arrival.retained:
        return False
    known, rare = record.beat_ts, record.rare
    if known is None or arrival.ts >= known:
        if rare is not None and rare.older_beat is not None:
            rare.older_beat = None
            record.drop_empty_rare()
        return False
    if rare is not None and rare.older_beat is not None:
        ts, at, _ = rare.older_beat
        if confirmed(arrival.at - arrival.ts, arrival.ts, at - ts, ts):
            record.beat_ts, record.beat_at, rare.older_beat = ts, at, None
            record.drop_empty_rare()
            return False
    record.ensure_rare().older_beat = (arrival.ts, arrival.at, arrival.digest)
    return True


def enter_beat(record: AgentRecord, arrival: Arrival) -> bool:
    """Know this heartbeat again; whether it is a sign of life."""
    record.numbers[BEAT_DIGEST] = arrival.digest
    return moves_on(record.beat_ts, arrival)


def moves_on(known: float | None, arrival: Arrival) -> bool:
    """Whether a message is a sign of life by its time; `known` is the last of its kind. A number
    shows that as well, and what is retained is dated by its own time anyway."""
    return arrival.numbered or arrival.retained or known is None or arrival.ts > known


def is_before_the_end(record: AgentRecord, status: Status, arrival: Arrival) -> bool:
    """Whether a live status without a number is older than the offline that stands."""
    known = record.number(STATUS_TS)
    return (
        not (arrival.numbered or arrival.retained)
        and status.state is not State.OFFLINE
        and record.reported.state is State.OFFLINE
        and known is not None
        and arrival.ts < known
    )


def _key(message: Status | Alert) -> str:
    return message.code if isinstance(message, Alert) else STATUS
