"""When the sidecar speaks: what was found, said or asked becomes alerts, states and heartbeats.

The reporter knows what a message holds, the courier and the link how it leaves. Nothing here
waits: the runner says when something has happened.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

from agent_sidecar.commands.queue import CommandReply, TokenBucket
from agent_sidecar.config import Config
from agent_sidecar.mqtt.connection import BrokerConnection
from agent_sidecar.mqtt.sender import OutboxSender
from agent_sidecar.one_shot import Purpose, is_news
from agent_sidecar.probes.base import Probe, ProbeResult
from agent_sidecar.state.directory import StateDirectory
from agent_sidecar.telemetry.findings import ObservedState
from agent_sidecar.telemetry.messages import MessageBuilder, severity_of
from agent_sidecar.telemetry.self_metrics import SelfMetrics
from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import MessageKind, Reason, State

log = logging.getLogger(__name__)


class Publisher:
    """Speaks for one agent; `now` is monotonic s.

    Attributes:
        beaten: whether a bus heartbeat was ever given to the link.
    """

    def __init__(
        self,
        config: Config,
        purpose: Purpose,
        memory: StateDirectory,
        observed: ObservedState,
        builder: MessageBuilder,
        watch: SelfMetrics,
        sender: OutboxSender,
        connection: BrokerConnection,
    ) -> None:
        self._config = config
        self._purpose = purpose
        self._memory = memory
        self._observed = observed
        self._builder = builder
        self._watch = watch
        self._sender = sender
        self._connection = connection
        self._said: tuple[object, ...] | None = None
        self._beats: set[int] = set()
        self._drop_beats = TokenBucket(20.0, 50.0)
        self.beaten = False

    @property
    def unheard(self) -> bool:
        """Whether the broker has yet to acknowledge a bus heartbeat."""
        return bool(self._beats)

    # --- what was found

    def found(self, results: Iterable[tuple[Probe, ProbeResult]], now: float) -> None:
        """Probes have answered: alarms need not wait for the rest of the round."""
        for probe, finding in results:
            self._observed.put(probe.name, finding, now)
        self._raise_alarms([finding for _, finding in results])
        self._tell_change(now)

    def round_over(self, now: float) -> None:
        """What the round found goes out."""
        self._look_at_link(now)
        self._tell_change(now)
        self._memory.session.save()
        self._memory.database.settle()
        self.beat(now)

    def _look_at_link(self, now: float) -> None:
        finding = self._watch.look()
        self._observed.put("link", finding, now)
        self._raise_alarms([finding])

    def _raise_alarms(self, findings: list[ProbeResult]) -> None:
        events = self._memory.alarms.update(findings, time.time())
        for event in events:
            self._builder.alert(event)
        if events:
            try:
                self._memory.alarms.save()
            except OSError as error:
                log.warning("the alarms could not be written down: %s", error.strerror)

    # --- heartbeats

    def beat(self, now: float, said: dict[str, Any] | None = None) -> None:
        """A bus heartbeat, if the link is up; `said` is one of the agent's own."""
        silent = said is None and self._purpose not in (Purpose.DAEMON, Purpose.BEAT)
        if silent or not self._connection.up:
            return
        self._sender.pump(now)  # what has a lower number goes first
        own = {} if self._purpose is Purpose.PUBLISH else self._watch.metrics()
        payload = self._builder.heartbeat(now, time.time(), own, said)
        if payload is not None:
            topic = self._config.topics.of(MessageKind.HEARTBEAT, self._config.agent)
            mid = self._connection.publish(topic, payload, retain=True)
            if mid is not None:
                self._beats.add(mid)
                self.beaten = True

    def acked(self, mid: int) -> None:
        self._beats.discard(mid)

    # --- states

    def link_up(self, now: float) -> None:
        """Say what a new connection begins with."""
        if self._purpose is not Purpose.PUBLISH:
            self._look_at_link(now)
        if self._purpose is Purpose.DAEMON:
            self.birth(now)
        elif self._purpose is Purpose.BEAT:
            told = repr((self._memory.session.boot, self._builder.fingerprint(now)))
            if is_news(self._config.state / "told.json", told):
                self._builder.status(self._observed.state(now), now, time.time())
        self.beat(now)

    def link_down(self) -> None:
        self._beats.clear()

    def birth(self, now: float) -> None:
        self._builder.status(State.RUNNING, now, time.time())
        self._said = (State.RUNNING.value, *self._builder.fingerprint(now)[1:])
        self._tell_change(now)

    def farewell(self, now: float) -> None:
        self._builder.status(State.OFFLINE, now, time.time())

    def reply(self, answer: CommandReply, now: float) -> None:
        """One commit keeps both the answer and the id of what it answers."""
        self._builder.status(self._observed.state(now), now, time.time(), answer)

    def _tell_change(self, now: float) -> None:
        """A status whenever state, versions or configuration are not what was said last."""
        if self._said is not None and self._builder.fingerprint(now) != self._said:
            self._said = self._builder.fingerprint(now)
            self._builder.status(self._observed.state(now), now, time.time())

    # --- what the agent says itself

    def deliver(self, kind: MessageKind, message: dict[str, Any]) -> bool:
        """A judged message of the agent; True once it is safe.

        Raises:
            Rejected: it says what only the sidecar may say.
        """
        now = time.monotonic()
        if kind is MessageKind.HEARTBEAT:
            self._observed.heartbeat_said(message, now)
            if self._drop_beats.take(now):
                self.beat(now, message)
            return True
        if "reply" in message:  # only the sidecar answers commands
            raise Rejected(Reason.UNKNOWN_FIELD, "reply")
        stored = self._builder.store(kind, message, severity=severity_of(message), keep=False)
        if stored and kind is MessageKind.STATUS:
            self._observed.status_said(message["state"])
            self._said = self._builder.fingerprint(now)
        if stored and kind is MessageKind.ALERT:
            self._memory.alarms.said(message["code"], message["state"])
        return stored
