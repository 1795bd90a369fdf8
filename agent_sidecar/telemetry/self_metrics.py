"""The sidecar's look at itself: its link, and what piles up behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent_sidecar.commands.queue import CommandQueue
from agent_sidecar.drop.watcher import DropWatcher
from agent_sidecar.mqtt.connection import BrokerConnection
from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from agent_sidecar.state.outbox import Outbox
from agent_sidecar.telemetry.messages import MessageBuilder
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity

if TYPE_CHECKING:
    from agent_sidecar.pair.beside import PairBeside

BACKLOG: Final = 1000
"""Rows in the outbox that are worth an alert: a tenth of what it holds."""


class SelfMetrics:
    """Reads counters of the sidecar's own parts; keeps what it saw of them the last time."""

    def __init__(
        self,
        connection: BrokerConnection,
        outbox: Outbox,
        queue: CommandQueue,
        builder: MessageBuilder,
        drop_watcher: DropWatcher | None,
        pair: PairBeside | None = None,
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._queue = queue
        self._builder = builder
        self._drop_watcher = drop_watcher
        self._pair = pair
        self._denied = 0
        self._set_aside = 0
        self._failures = 0

    def look(self) -> ProbeResult:
        """The plane `broker`: warn while the link is down or the broker refuses something."""
        counters, up = self._connection.counters, self._connection.up
        denied = counters.denied > self._denied
        set_aside = counters.set_aside > self._set_aside
        self._denied, self._set_aside = counters.denied, counters.set_aside
        limited = denied or set_aside or counters.refused_filters > 0
        disk_refuses = self._outbox.failures > self._failures or self._outbox.refused
        self._failures = self._outbox.failures
        waiting = self._outbox.waiting()
        piled_up = waiting >= BACKLOG or disk_refuses
        return ProbeResult(
            Plane.BROKER.value,
            Check.PASS if up and not limited else Check.WARN,
            evidence=(
                AlertEvidence(AlertCode.AUTH_FAILURE, denied if up else None, Severity.WARNING),
                AlertEvidence(
                    AlertCode.QUEUE_BACKLOG, piled_up, Severity.WARNING, waiting, BACKLOG
                ),
            ),
        )

    def metrics(self) -> dict[str, float]:
        """What rides in every bus heartbeat beside the probes' numbers."""
        counters = self._connection.counters
        foreign = counters.unasked + counters.beside
        rejected = sum(self._queue.dropped.values()) + self._builder.withheld + foreign
        return {
            "outbox_messages": len(self._outbox),
            "outbox_dropped_total": self._outbox.evicted,
            "rejected_total": rejected + (self._drop_watcher.rejected if self._drop_watcher else 0),
            "publish_denied_total": counters.denied + counters.set_aside,
            "connects_total": counters.connects,
            **(self._pair.numbers() if self._pair else {}),
        }
