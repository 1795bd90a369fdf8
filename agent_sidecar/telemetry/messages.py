"""What the sidecar says: each message is built, numbered, and handed to outbox or connection."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import fleet
from agent_sidecar.commands.queue import CommandReply
from agent_sidecar.config import Config
from agent_sidecar.probes.base import AlertEvent
from agent_sidecar.state.directory import StateDirectory
from agent_sidecar.state.outbox import PASSING, RANK, OutboxEntry
from agent_sidecar.telemetry import encoding
from agent_sidecar.telemetry.observed_state import ObservedState
from agent_sidecar.telemetry.quantiser import Quantiser
from agent_sidecar.telemetry.task_progress import TaskProgress
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind, Severity, State

log = logging.getLogger(__name__)

_OURS: Final = ("boot", "seq")
"""Fields that only the sidecar may fill in."""


class MessageBuilder:
    """Speaks for one agent. `now` is monotonic s, `wall` is s since the epoch.

    Attributes:
        withheld: own messages that the contract would have rejected: a bug, and visible.
    """

    def __init__(
        self,
        config: Config,
        kind: str,
        state: StateDirectory,
        observed: ObservedState,
        validators: Mapping[MessageKind, SchemaValidator],
    ) -> None:
        self._config = config
        self._kind = kind
        self._session = state.session
        self._outbox = state.outbox
        self._hysteresis = state.hysteresis
        self._observed = observed
        self._validators = validators
        self._quantiser = Quantiser()
        self.withheld = 0

    def heartbeat(
        self,
        now: float,
        wall: float,
        own: Mapping[str, float],
        said: Mapping[str, Any] | None = None,
    ) -> bytes | None:
        """A bus heartbeat; `own` are the sidecar's metrics, `said` the agent's own heartbeat,
        whose fields win. Alerts of both count: a hub takes one that is missing for one that is
        over. None: it may not be sent."""
        said = said or {}
        message = encoding.present(
            ok=self._observed.ok(now),
            ts=timestamp(wall),
            uptime=self._observed.uptime(now),
            interval=encoding.number(self._config.interval),
            checks=self._observed.checks(now),
        )
        measured = {name: message[name] for name in ("uptime",) if name in message}
        message.update({name: value for name, value in said.items() if name not in _OURS})
        message.update(measured)  # the one-liner fills in what it guesses
        firing = {*self._hysteresis.active(), *self._observed.alerts(now), *said.get("alerts", ())}
        checks = {**self._observed.checks(now), **said.get("checks", {})}
        metrics = encoding.metrics(said.get("metrics", {}), *self._observed.metrics(now), own)
        alerts = encoding.codes(sorted(firing))
        message |= encoding.present(checks=checks, metrics=metrics, alerts=alerts)
        return self._numbered(MessageKind.HEARTBEAT, message)

    def status(
        self,
        state: State,
        now: float,
        wall: float,
        reply: CommandReply | None = None,
        *,
        later: bool = False,
    ) -> None:
        """A full status; with a `reply` it answers a command and is not retained."""
        message = encoding.present(
            state=state.value,
            ts=timestamp(wall),
            **self._known(now),
            reply=reply.message() if reply else None,
        )
        self.store(MessageKind.STATUS, message, retain=reply is None, later=later)

    def completed(self, said: Mapping[str, Any], now: float) -> dict[str, Any]:
        """A status of the agent's own, with what the sidecar knows beside it: retained, it takes
        the place of a full one, and nothing may be lost with that."""
        known = self._known(now)
        versions = {**known["versions"], **said.get("versions", {})}
        checks = {**known["checks"], **said.get("checks", {})}
        return {
            **encoding.present(**known),
            **said,
            **encoding.present(versions=versions, checks=checks),
        }

    def _known(self, now: float) -> dict[str, Any]:
        """What a full status holds beside state and time."""
        return {
            "kind": self._kind,
            "versions": {"sidecar": fleet.__version__, **self._observed.versions()},
            "config": self._observed.config(),
            "checks": self._observed.checks(now),
        }

    def progress(self, told: TaskProgress, wall: float) -> bool:
        """How far a task is. An end is kept like a warning; a percent goes before all else."""
        rank = RANK[Severity.WARNING] if told.final else PASSING
        message = told.message(wall)
        return self.store(MessageKind.PROGRESS, message, retain=False, rank=rank, keep=told.final)

    def alert(self, event: AlertEvent) -> None:
        self.store(MessageKind.ALERT, encoding.alert(event), severity=event.severity)

    def store(
        self,
        kind: MessageKind,
        message: dict[str, Any],
        *,
        retain: bool = True,
        severity: str = "",
        rank: int | None = None,
        keep: bool = True,
        later: bool = False,
    ) -> bool:
        """Put a message into the outbox; True once it is safe there. `rank` is given where it is
        not that of the severity; what may be written down `later` leaves first."""
        seq = self._session.issued
        payload = self._numbered(kind, message)
        if payload is None:
            return True
        rank = RANK[severity] if rank is None else rank
        entry = OutboxEntry(self._session.boot, seq, kind, rank, retain, payload)
        stored = self._outbox.add(entry, keep=keep, later=later)
        if not (stored or keep):
            self._session.take_back(seq)
        return stored

    def will(self, wall: float) -> bytes:
        """What the broker says when we vanish; without `seq`, for it may never be sent."""
        message = {"state": State.OFFLINE.value, "ts": timestamp(wall), "boot": self._session.boot}
        return encoding.encode(message)

    def fingerprint(self, now: float) -> tuple[object, ...]:
        """What a status says beside the time: when it changes, there is something to say."""
        observed = self._observed
        return (
            observed.state(now).value,
            tuple(sorted(observed.versions().items())),
            observed.config(),
        )

    def _numbered(self, kind: MessageKind, message: dict[str, Any]) -> bytes | None:
        message = {name: value for name, value in message.items() if name not in _OURS}
        numbers = {"boot": self._session.boot, "seq": self._session.issued}
        try:
            self._validators[kind].check({**message, **numbers})
        except Rejected as rejected:
            self.withheld += 1
            log.warning("a %s of our own was withheld: %s", kind, rejected)
            return None
        self._session.next_seq()
        return encoding.encode({**self._quantiser.message(message), **numbers})


def severity_of(message: Mapping[str, Any]) -> str:
    """The severity of an alert, or info for a status: the order of eviction."""
    return str(message.get("severity", Severity.INFO.value))
