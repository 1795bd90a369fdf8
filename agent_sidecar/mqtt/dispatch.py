"""Where a message from the bus goes: receipts to the outbox sender, offers of tasks to whoever
works, the rest to the command queue.

What the queue answers at once is handed on as a reply; what it queues, the executor will answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from agent_sidecar.commands.queue import CommandQueue, CommandReply, InboundMessage
from agent_sidecar.commands.task_offers import OnOffer, TaskOffers
from agent_sidecar.config import Config
from agent_sidecar.mqtt.sender import OutboxSender
from agent_sidecar.state.session import Session
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator
from fleet.contract.vocabulary import MessageKind, Notice, Reason

if TYPE_CHECKING:
    from agent_sidecar.hub_watch import HubWatch
    from agent_sidecar.pair.beside import PairBeside


class Dispatcher:
    """Knows which topic carries what.

    Args:
        reply: takes a reply that is due at once, and now (monotonic s).
        hub_online: called, with now, when a hub says that it has come up.
        offered: takes offers of tasks; None: this agent does not work, and hears of none.

    Attributes:
        filters: what to subscribe to.
        offers: judges offers of tasks; None where this agent does not work.
        watch: hears of each word of the hub that is trusted.
    """

    def __init__(
        self,
        config: Config,
        validators: Mapping[MessageKind, SchemaValidator],
        session: Session,
        sender: OutboxSender,
        queue: CommandQueue,
        *,
        reply: Callable[[CommandReply, float], None],
        hub_online: Callable[[float], None],
        offered: OnOffer | None = None,
    ) -> None:
        topics = config.topics
        self._receipts = topics.of(MessageKind.RECEIPT, config.agent)
        self._broadcast = topics.broadcast
        self._validator = validators[MessageKind.RECEIPT]
        self._session = session
        self._sender = sender
        self._queue = queue
        self._reply = reply
        self._hub_online = hub_online
        self.watch: HubWatch | None = None
        self.filters: tuple[str, ...] = (
            topics.of(MessageKind.COMMAND, config.agent),
            self._receipts,
            self._broadcast,
        )
        self._tasks = topics.of(MessageKind.TASK, config.agent)
        self.offers: TaskOffers | None = None
        if offered is not None:
            validator = validators[MessageKind.TASK]
            self.offers = TaskOffers(validator, queue.trusts, queue.dropped, offered)
            self.filters = (*self.filters, self._tasks)
        self._pair: PairBeside | None = None
        self._leases = topics.of(MessageKind.LEASE, config.agent)
        self._of_leases = validators[MessageKind.LEASE]

    def hand_leases_to(self, pair: PairBeside) -> None:
        """This agent is in a pair; before `filters` are subscribed to."""
        self._pair = pair
        self.filters = (*self.filters, self._leases)

    def dispatch(self, topic: str, payload: bytes, retain: bool, now: float) -> None:
        """Hand on one message; `now` is monotonic s."""
        if topic == self._receipts:
            self._receipt(payload, retain, now)
            return
        if topic == self._tasks and self.offers is not None:
            self.offers.receive(topic, payload, retain, time.time(), now)
            return
        if topic == self._leases and self._pair is not None:
            queue, lease = self._queue, (topic, payload, retain)
            if self._pair.receive(
                lease, self._of_leases, self._session, queue.trusts, queue.dropped
            ):
                self._heard(now)
            return
        kind = MessageKind.BROADCAST if topic == self._broadcast else MessageKind.COMMAND
        inbound = InboundMessage(kind, topic, payload, retain)
        outcome = self._queue.receive(inbound, time.time(), now)
        if isinstance(outcome, CommandReply):
            self._reply(outcome, now)
        elif outcome is not None:
            self._heard(now)
        if outcome is Notice.HUB_ONLINE:
            self._sender.hub_online(now)
            self._hub_online(now)

    def _receipt(self, payload: bytes, retain: bool, now: float) -> None:
        if retain:
            self._queue.dropped[Reason.RETAINED_COMMAND.value] += 1
            return
        try:
            receipt = self._validator.read(payload)
        except Rejected as rejected:
            self._queue.dropped[rejected.reason.value] += 1
            return
        if not self._queue.trusts(self._receipts, receipt):
            self._queue.dropped["untrusted-receipt"] += 1
            return
        boot, seq = receipt["boot"], receipt["seq"]
        issued = (boot, seq) < (self._session.boot, self._session.issued)
        if not issued or not self._sender.receipt(boot, seq, now):
            self._queue.dropped["impossible-receipt"] += 1  # nothing like it was ever sent
            return
        if self.watch is not None:
            self.watch.receipt(boot, seq, now)

    def _heard(self, now: float) -> None:
        if self.watch is not None:
            self.watch.heard(now)
