"""Messages as agents send them, for tests: models, and a small fleet to feed a roster with."""

from __future__ import annotations

from typing import Any

from fleet.contract.fields import Message
from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.domain.events import Event, Fact
from fleet.domain.roster import Roster

NOON = 1_800_000_000.0
"""Seconds since the epoch: the moment at which the tests' stories begin."""


def beat(ts: float = NOON, *, ok: bool = True, **fields: Any) -> Heartbeat:
    return _strict(Heartbeat, {"ok": ok, "ts": timestamp(ts), **fields})


def status(state: str = "running", ts: float = NOON, **fields: Any) -> Status:
    return _strict(Status, {"state": state, "ts": timestamp(ts), **fields})


def alert(code: str, state: str = "firing", ts: float = NOON, **fields: Any) -> Alert:
    severity = fields.pop("severity", "warning")
    payload = {"code": code, "severity": severity, "state": state, "ts": timestamp(ts), **fields}
    return _strict(Alert, payload)


def _strict(model: Any, payload: dict[str, Any]) -> Any:
    import json

    return model.model_validate_json(json.dumps(payload))


class Story:
    """A roster with one agent, told message by message; keeps every event."""

    def __init__(self, roster: Roster | None = None, agent: str = "larry") -> None:
        self.roster = Roster(interval=10) if roster is None else roster
        self.agent = agent
        self.events: list[Event] = []

    def hears(self, message: Message, *, at: float = NOON, retained: bool = False) -> list[Event]:
        kind = message.kind_of_message
        events = self.roster.observe(
            Address(self.agent, MessageKind(kind)), message, at=at, retained=retained
        )
        self.events += events
        return events

    def waits(self, until: float) -> list[Event]:
        events = self.roster.tick(until)
        self.events += events
        return events

    def facts(self) -> list[Fact]:
        return [event.fact for event in self.events]

    def state(self, now: float) -> str:
        return self.roster.view(self.agent, now).state.value


def facts(events: list[Event]) -> list[Fact]:
    return [event.fact for event in events]


def words(events: list[Event], fact: Fact) -> list[str]:
    return [event.word for event in events if event.fact is fact]
