"""The sidecar's look at itself: its link, and what piles up behind it."""

from __future__ import annotations

from typing import Final

from agent_sidecar.commands.queue import Desk
from agent_sidecar.drop.watcher import Hatch
from agent_sidecar.mqtt.connection import Link
from agent_sidecar.probes.base import Finding, Sign
from agent_sidecar.state.outbox import Outbox
from agent_sidecar.telemetry.messages import Reporter
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity

BACKLOG: Final = 1000
"""Rows in the outbox that are worth an alert: a tenth of what it holds."""


class SelfWatch:
    """Reads counters of the sidecar's own parts; keeps what it saw of them the last time."""

    def __init__(
        self, link: Link, outbox: Outbox, desk: Desk, reporter: Reporter, hatch: Hatch | None
    ) -> None:
        self._link = link
        self._outbox = outbox
        self._desk = desk
        self._reporter = reporter
        self._hatch = hatch
        self._denied = 0
        self._failures = 0

    def look(self) -> Finding:
        """The plane `broker`: warn while the link is down or the broker refuses something."""
        counters, up = self._link.counters, self._link.up
        denied = counters.denied > self._denied
        self._denied = counters.denied
        disk_refuses = self._outbox.failures > self._failures or self._outbox.unsaved > 0
        self._failures = self._outbox.failures
        waiting = self._outbox.waiting()
        piled_up = waiting >= BACKLOG or disk_refuses
        return Finding(
            Plane.BROKER.value,
            Check.PASS if up and not (denied or counters.refused_filters) else Check.WARN,
            signs=(
                Sign(AlertCode.AUTH_FAILURE, denied if up else None, Severity.WARNING),
                Sign(AlertCode.QUEUE_BACKLOG, piled_up, Severity.WARNING, waiting, BACKLOG),
            ),
        )

    def metrics(self) -> dict[str, float]:
        """What rides in every bus heartbeat beside the probes' numbers."""
        rejected = sum(self._desk.dropped.values()) + self._reporter.withheld
        return {
            "outbox_messages": len(self._outbox),
            "outbox_dropped_total": self._outbox.evicted,
            "rejected_total": rejected + (self._hatch.rejected if self._hatch else 0),
            "publish_denied_total": self._link.counters.denied,
            "connects_total": self._link.counters.connects,
        }
