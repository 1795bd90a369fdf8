"""Sorts what comes from the bus: receipts to the courier, commands and notices to the desk."""

from __future__ import annotations

import time
from collections.abc import Mapping

from agent_sidecar.commands.queue import CommandQueue, CommandReply, InboundMessage
from agent_sidecar.config import Config
from agent_sidecar.mqtt.sender import OutboxSender
from agent_sidecar.state.session import Session
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator
from fleet.contract.vocabulary import MessageKind, Notice, Reason


class Dispatcher:
    """Knows which topic carries what."""

    def __init__(
        self,
        config: Config,
        validators: Mapping[MessageKind, SchemaValidator],
        session: Session,
        sender: OutboxSender,
        queue: CommandQueue,
    ) -> None:
        topics = config.topics
        self._receipts = topics.of(MessageKind.RECEIPT, config.agent)
        self._broadcast = topics.broadcast
        self._judge = validators[MessageKind.RECEIPT]
        self._session = session
        self._sender = sender
        self._queue = queue
        self.filters = (
            topics.of(MessageKind.COMMAND, config.agent),
            self._receipts,
            self._broadcast,
        )

    def take(
        self, topic: str, payload: bytes, retain: bool, now: float
    ) -> CommandReply | Notice | None:
        """Sort one message; what the desk answers at once, a notice, or None."""
        if topic == self._receipts:
            self._take_receipt(payload, retain, now)
            return None
        broadcast = topic == self._broadcast
        kind = MessageKind.BROADCAST if broadcast else MessageKind.COMMAND
        return self._queue.take(InboundMessage(kind, topic, payload, retain), time.time(), now)

    def _take_receipt(self, payload: bytes, retain: bool, now: float) -> None:
        if retain:
            self._queue.dropped[Reason.RETAINED_COMMAND.value] += 1
            return
        try:
            receipt = self._judge.read(payload)
        except Rejected as rejected:
            self._queue.dropped[rejected.reason.value] += 1
            return
        boot, seq = receipt["boot"], receipt["seq"]
        if (boot, seq) >= (self._session.boot, self._session.issued):
            self._queue.dropped["impossible-receipt"] += 1  # no such number was ever sent
            return
        self._sender.receipt(boot, seq, now)
