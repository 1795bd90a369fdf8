"""Rows to values and back; each pair of functions stands together."""

from __future__ import annotations

import json
from math import inf
from typing import Any, Final

from fleet.contract.vocabulary import (
    AlertState,
    MessageKind,
    Priority,
    ReplyCode,
    Severity,
    Verb,
)
from fleet.domain.alert import Alert
from fleet.domain.commands import CommandState, IssuedCommand
from fleet.domain.flapping import STEADY, Flaps
from fleet.domain.silences import Silence
from fleet.store.records import Batch, DeadLetter, StoredEvent, StoredMessage

Row = tuple[Any, ...]

HEARD_UNTIL: Final = "heard_until"
"""The number that says until when the last hub listened."""


def numbers(batch: Batch) -> dict[str, int]:
    """What a batch says of the numbers that a store keeps about itself, by name."""
    found = {}
    if batch.replay_from is not None:
        found["replay_from"] = batch.replay_from
    if batch.heard_until is not None:
        found[HEARD_UNTIL] = _moment_number(batch.heard_until)
    return found


def _moment_number(at: float) -> int:
    """Microseconds since the epoch; 0, as of what was never written: none (inf)."""
    return 0 if at == inf else max(1, int(max(0.0, at) * 1e6))


def moment(number: int) -> float:
    return number / 1e6 if number else inf


KINDS: Final = (
    MessageKind.HEARTBEAT,
    MessageKind.STATUS,
    MessageKind.ALERT,
    MessageKind.COMMAND,
    MessageKind.BROADCAST,
    MessageKind.TASK,
    MessageKind.PROGRESS,
)
"""A kind is stored as its place here: append only."""

KIND_NUMBER: Final = {kind: number for number, kind in enumerate(KINDS)}


KEY_STEP: Final = 8
"""Index keys an agent: its number times this, plus the kind; so there is room for one kind more."""


def portable_text(text: str) -> str:
    """As every database takes it: PostgreSQL has no NUL in texts, and no half of a surrogate."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def key_of(agent: int, kind: int) -> int:
    """The index key of one agent's messages of one kind; agent 0 stands for all."""
    return agent * KEY_STEP + kind


def message(row: Row, names: dict[int, str]) -> StoredMessage:
    """From `id, at, agent, kind, retained, payload`."""
    id_, at, agent, kind, retained, payload = row
    return StoredMessage(id_, at, names[agent], KINDS[kind], bool(retained), payload)


def event_row(stored: StoredEvent) -> Row:
    event = stored.event
    severity = event.severity.value if event.severity else None
    return (stored.id, event.at, event.fact.value, event.agent, str(event.word), severity,
            event.amount, event.id)  # fmt: skip


def dead_letter_row(dead_letter: DeadLetter) -> Row:
    return (dead_letter.id, dead_letter.at, dead_letter.topic, dead_letter.payload,
            dead_letter.retained, dead_letter.reason, dead_letter.field)  # fmt: skip


def dead_letter(row: Row) -> DeadLetter:
    id_, at, topic, payload, retained, reason, field = row
    return DeadLetter(id_, at, topic, payload, bool(retained), reason, field)


def alert_row(alert: Alert) -> Row:
    return (alert.agent, str(alert.code), alert.severity.value, alert.state.value, alert.since,
            alert.notified.value, alert.value, alert.acknowledged_by, alert.acknowledged_at,
            alert.notified_severity and alert.notified_severity.value,
            None if alert.flaps == STEADY else json.dumps(alert.flaps.as_json()),
            alert.told_at, " ".join(alert.routes))  # fmt: skip


def alert(row: Row) -> Alert:
    (agent, code, severity, state, since, told_state, value, by, at, notified_severity, flaps,
     told_at, routes) = row  # fmt: skip
    return Alert(agent, code, Severity(severity), AlertState(state), since,
                 AlertState(told_state), value, by, at,
                 Severity(notified_severity) if notified_severity else None,
                 Flaps.from_json(json.loads(flaps)) if flaps else STEADY,
                 told_at, tuple(routes.split()))  # fmt: skip


def silence_row(silence_: Silence) -> Row:
    return (silence_.id, silence_.until, silence_.agent, silence_.code, silence_.by, silence_.scope,
            json.dumps(sorted(silence_.members)), silence_.begins, silence_.ended)  # fmt: skip


def silence(row: Row) -> Silence:
    id_, until, agent, code, by, scope, members, begins, ended = row
    return Silence(id_, until, agent, code, by, scope, frozenset(json.loads(members)), begins,
                   bool(ended))  # fmt: skip


KNOWN_COMMAND: Final = (
    "ON CONFLICT (id) DO UPDATE SET state = excluded.state, sent = excluded.sent,"
    " ended = excluded.ended, code = excluded.code, took = excluded.took"
)
"""What cannot change is not written again: the indices of a stored command stay as they are."""


def command_row(command: IssuedCommand) -> Row:
    code = command.code.value if command.code else None
    return (command.id, command.agent, command.verb.value, command.priority.value, command.ttl,
            command.created, command.by, command.reply_to, command.state.value, command.sent,
            command.ended, code, command.took, command.broadcast)  # fmt: skip


def command(row: Row) -> IssuedCommand:
    (id_, agent, verb, priority, ttl, created, by, reply_to, state, sent, ended, code, took,
     broadcast) = row  # fmt: skip
    return IssuedCommand(id_, agent, Verb(verb), Priority(priority), ttl, created, by, reply_to,
                 CommandState(state), sent, ended, ReplyCode(code) if code else None,
                 took, broadcast)  # fmt: skip
