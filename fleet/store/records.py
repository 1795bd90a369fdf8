"""What goes into a store and comes out of it: plain values, the same for every implementation.

Times are seconds since the epoch on the hub's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Any, Final, NamedTuple

import orjson

from fleet.contract.rejection import Rejected
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from fleet.domain.alert import Alert
from fleet.domain.events import Event
from fleet.domain.silences import Silence
from fleet.domain.work.progress_report import ProgressReport
from fleet.store.stored_records import StoredRecords


class StoredMessage(NamedTuple):
    """One message as committed; `at` is the hub's clock at receipt, seconds since the epoch."""

    id: int
    at: float
    agent: str
    kind: MessageKind
    retained: bool
    payload: bytes


def described_message(stored: StoredMessage) -> dict[str, Any]:
    """A stored message, ready for JSON; it satisfied the contract, so it can be shown."""
    return {
        "id": stored.id,
        "ts": timestamp(stored.at),
        "agent": stored.agent or None,
        "kind": stored.kind.value,
        "retained": stored.retained,
        "message": orjson.loads(stored.payload),
    }


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message the contract rejected. `payload` may hold a leak: never print it unasked."""

    id: int
    at: float
    topic: str
    payload: bytes
    retained: bool
    reason: str
    field: str


def described_dead_letter(dead_letter: DeadLetter, topics: Topics) -> dict[str, Any]:
    """What may be shown of it: no text, and of a foreign topic, which may be a leak, just that."""
    try:
        topics.parse(dead_letter.topic)
        topic = dead_letter.topic
    except Rejected:
        topic = "foreign"
    return {
        "id": dead_letter.id,
        "ts": timestamp(dead_letter.at),
        "topic": topic,
        "reason": dead_letter.reason,
        "field": dead_letter.field,
        "size": len(dead_letter.payload),
    }


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with the id under which it is stored and streamed."""

    id: int
    event: Event


@dataclass(frozen=True, slots=True)
class Erasure:
    """The history of an agent up to the id `upto`: messages, sums, events, its commands, and dead
    letters of `topics`."""

    agent: str
    upto: int
    topics: tuple[str, ...] = ()


@dataclass(slots=True)
class Batch:
    """What becomes true together, or not at all: first what is new, then what goes, and last the
    history that is erased, or that is another agent's from now on (`renamed`: old name, new name).

    `records` are frozen roster records by agent; `replay_from` is the id of the first message
    that a restart must apply again, because a record older than it is stored. `progress` is what
    agents said of their tasks, in order: who keeps tasks applies it in the same transaction.
    `heard_until`: until when the hub that writes it listened, inf: it does; None: as before.
    """

    messages: list[StoredMessage] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    forgotten_alerts: list[tuple[str, str]] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    lifted: list[str] = field(default_factory=list)
    records: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    forgotten_records: list[str] = field(default_factory=list)
    erased: list[Erasure] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    replay_from: int | None = None
    heard_until: float | None = None
    progress: list[ProgressReport] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(
            self.messages
            or self.progress
            or self.dead_letters
            or self.events
            or self.alerts
            or self.forgotten_alerts
            or self.silences
            or self.lifted
            or self.records
            or self.forgotten_records
            or self.erased
            or self.renamed
        )

    @classmethod
    def joined(cls, batches: list[Batch]) -> Batch:
        """Several batches as one that says the same as they do one after the other."""
        if len(batches) == 1:
            return batches[0]
        joined = cls()
        for batch in batches:
            joined._keep_what_comes_again(batch)
            joined.messages += batch.messages
            joined.progress += batch.progress
            joined.dead_letters += batch.dead_letters
            joined.events += batch.events
            joined.alerts += batch.alerts
            joined.forgotten_alerts += batch.forgotten_alerts
            joined.silences += batch.silences
            joined.lifted += batch.lifted
            joined.records += batch.records
            joined.forgotten_records += batch.forgotten_records
            joined.erased += batch.erased
            joined.renamed += batch.renamed
            if batch.replay_from is not None:
                joined.replay_from = batch.replay_from
        return joined

    def _keep_what_comes_again(self, later: Batch) -> None:
        """What was to go, and is there again in a `later` batch, must not go after it."""
        if self.forgotten_alerts and later.alerts:
            alerts = {(alert.agent, alert.code) for alert in later.alerts}
            self.forgotten_alerts = [key for key in self.forgotten_alerts if key not in alerts]
        if self.forgotten_records and later.records:
            kept = {agent for agent, _upto, _state in later.records}
            self.forgotten_records = [name for name in self.forgotten_records if name not in kept]
        if self.lifted and later.silences:
            silences = {silence.id for silence in later.silences}
            self.lifted = [id_ for id_ in self.lifted if id_ not in silences]


@dataclass(frozen=True, slots=True)
class Page:
    """Messages oldest first; `next` is the cursor of the following page, None at the end."""

    messages: list[StoredMessage]
    next: str | None


HOUR: Final = 3600
"""Seconds a roll-up sums up."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """One agent's hour, from `hour` (seconds since the epoch) on: how many heartbeats, how many of
    them not ok, statuses and alerts; of each metric the least, greatest and last value."""

    hour: float
    agent: str
    beats: int
    failing: int
    statuses: int
    alerts: int
    metrics: dict[str, list[float]]

    def as_dict(self) -> dict[str, Any]:
        return {
            "hour": timestamp(self.hour),
            "agent": self.agent,
            "beats": self.beats,
            "failing": self.failing,
            "statuses": self.statuses,
            "alerts": self.alerts,
            "metrics": {
                name: dict(zip(("min", "max", "last"), values, strict=True))
                for name, values in self.metrics.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Hours:
    """Roll-ups oldest first; `next` is the cursor of the following page, None at the end."""

    rollups: list[Rollup]
    next: str | None


@dataclass(frozen=True, slots=True)
class HubState:
    """What a restart begins with: records with the id of the last message each one holds, and
    since when the last hub had not listened (inf: it did, or did not say)."""

    last_id: int
    last_at: float
    records: StoredRecords
    alerts: list[Alert]
    silences: list[Silence]
    replay_from: int
    heard_until: float = inf


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Bytes that a store takes, by file, that are left for it, and that its disk has in all; None
    where that is not known."""

    files: dict[str, int]
    free: int | None
    size: int | None = None
