"""When the sidecar speaks: what was found, said or asked becomes alerts, states and heartbeats.

The builder knows what a message holds, sender and connection how it leaves. Nothing here waits:
the runner says when something has happened, and asks when the next thing is due.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from agent_sidecar.commands.queue import CommandReply
from agent_sidecar.config import Config
from agent_sidecar.drop.allowance import DropAllowance
from agent_sidecar.mqtt.connection import BrokerConnection
from agent_sidecar.mqtt.packet_limit import SET_ASIDE
from agent_sidecar.mqtt.sender import OutboxSender
from agent_sidecar.one_shot import Purpose, is_news
from agent_sidecar.probes.base import Probe, ProbeResult
from agent_sidecar.state.directory import StateDirectory
from agent_sidecar.telemetry.messages import MessageBuilder, severity_of
from agent_sidecar.telemetry.observed_state import ObservedState
from agent_sidecar.telemetry.self_metrics import SelfMetrics
from agent_sidecar.telemetry.task_progress import ProgressNews, TaskProgress
from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import MessageKind, Reason, State, Verb

BIRTH_SPREAD: Final = 1.0
"""Seconds over which a fleet answers `hub-online`."""

OwnMessage = tuple[MessageKind, dict[str, Any]]
"""A message of the agent itself: its kind, and its judged content."""


class Publisher:
    """Speaks for one agent; `now` is monotonic s.

    Attributes:
        beaten: whether a bus heartbeat was ever given to the connection.
    """

    def __init__(
        self,
        config: Config,
        purpose: Purpose,
        state: StateDirectory,
        observed: ObservedState,
        builder: MessageBuilder,
        self_metrics: SelfMetrics,
        sender: OutboxSender,
        connection: BrokerConnection,
    ) -> None:
        self._config = config
        self._purpose = purpose
        self._state = state
        self._observed = observed
        self._builder = builder
        self._self_metrics = self_metrics
        self._sender = sender
        self._connection = connection
        self._own_heartbeats: list[dict[str, Any]] = []
        self._birth_at: float | None = None
        self._said: tuple[object, ...] | None = None
        self._beats: set[int] = set()
        self._allowance = DropAllowance(
            config.interval, int(config.number("FLEET_EVENTS_A_DAY", 1, 10_000_000))
        )
        self._progress = ProgressNews()
        self._looked = False
        self.beaten = False

    @property
    def unheard(self) -> bool:
        """Whether the broker has yet to acknowledge a bus heartbeat."""
        return bool(self._beats)

    # --- what was found

    def found(self, results: Iterable[tuple[Probe, ProbeResult]], now: float) -> None:
        """Probes have answered: alerts need not wait for the rest of the round."""
        for probe, result in results:
            self._observed.record(probe.name, result, now)
        self._raise_alarms([result for _, result in results])
        self._tell_change(now)

    def round_over(self, now: float) -> None:
        """What the round found goes out."""
        self._look_at_link(now)
        self._tell_change(now)
        self._state.session.save()
        self._state.database.settle()
        if not self._looked and self._connection.up:
            self._greet(now)
        self._looked = True
        self.beat(now)

    def _look_at_link(self, now: float) -> None:
        result = self._self_metrics.look()
        self._observed.record("link", result, now)
        self._raise_alarms([result])

    def _raise_alarms(self, results: list[ProbeResult]) -> None:
        events = self._state.hysteresis.update(results, time.time())
        for event in events:
            self._builder.alert(event)
        self._state.settle_alerts()

    # --- heartbeats

    def beat(self, now: float, said: dict[str, Any] | None = None) -> None:
        """A bus heartbeat, if the link is up; `said` is one of the agent's own."""
        silent = said is None and self._purpose not in (Purpose.DAEMON, Purpose.BEAT)
        if silent or not self._connection.up:
            return
        self._sender.pump(now)  # what has a lower number goes first
        own = {} if self._purpose is Purpose.PUBLISH else self._self_metrics.metrics()
        payload = self._builder.heartbeat(now, time.time(), own, said)
        if payload is not None:
            mid = self._connection.publish(MessageKind.HEARTBEAT, payload, True)
            if mid is not None:
                self.beaten = True
                if mid != SET_ASIDE:
                    self._beats.add(mid)

    # --- what becomes of the connection

    def acked(self, mid: int) -> None:
        self._beats.discard(mid)

    def link_down(self) -> None:
        self._beats.clear()

    def link_up(self, now: float, _window: int) -> None:
        """Say what a new connection begins with."""
        self._birth_at = None
        if self._purpose is not Purpose.PUBLISH:
            self._look_at_link(now)
        if self._purpose is Purpose.DAEMON:
            self.birth(now)
        if self._purpose is not Purpose.BEAT:
            self.beat(now)
        elif self._looked:  # else the end of the round says it
            self._greet(now)
            self.beat(now)
        for message in self._own_heartbeats:
            self.beat(now, message)

    def _greet(self, now: float) -> None:
        """What a run that beats once says beside its beat, if that is news."""
        if self._purpose is not Purpose.BEAT:
            return
        told = repr((self._state.session.boot, self._builder.fingerprint(now)))
        if is_news(self._config.state / "told.json", told):
            self._builder.status(self._observed.state(now), now, time.time())

    def hub_online(self, now: float) -> None:
        """A hub that has come up wants every birth again; not all in the same instant."""
        if self._purpose is Purpose.DAEMON:
            self._birth_at = now + random.uniform(0, BIRTH_SPREAD)  # noqa: S311

    def due(self) -> float | None:
        """When `tick` has something to say (monotonic s); None: never."""
        return self._birth_at

    def tick(self, now: float) -> None:
        if self._birth_at is not None and now >= self._birth_at:
            self._birth_at = None
            self.birth(now)

    # --- states

    def birth(self, now: float) -> None:
        self._builder.status(State.RUNNING, now, time.time())
        self._said = (State.RUNNING.value, *self._builder.fingerprint(now)[1:])
        self._tell_change(now)

    def farewell(self, now: float) -> None:
        self._builder.status(State.OFFLINE, now, time.time())

    def reply(self, reply: CommandReply, now: float) -> None:
        """It leaves first; the next commit keeps both the reply and the id of what it answers, and
        only then is the command acknowledged to the broker. What changes something is kept first:
        its command would not run again, did the broker bring it again."""
        later = reply.verb != Verb.CONFIG_RELOAD
        self._builder.status(self._observed.state(now), now, time.time(), reply, later=later)

    # --- tasks

    def progress(self, told: TaskProgress, now: float) -> None:
        """How far a task is, by the outbox; from the sidecar's loop. An end and a new state go at
        once, a percent at most every few seconds. It renews no lease: that is asked by HTTP."""
        if self._progress.is_news(told, now):
            self._builder.progress(told, time.time())

    def _tell_change(self, now: float) -> None:
        """A status whenever state, versions or configuration are not what was said last."""
        if self._said is not None and self._builder.fingerprint(now) != self._said:
            self._said = self._builder.fingerprint(now)
            self._builder.status(self._observed.state(now), now, time.time())

    # --- what the agent says itself

    def hand_over(self, messages: Sequence[OwnMessage]) -> None:
        """What a one-shot run was given: heartbeats wait for the connection, the rest is kept."""
        for kind, message in messages:
            if kind is MessageKind.HEARTBEAT:
                self._own_heartbeats.append(message)
            else:
                self.deliver(kind, message)

    def deliver(self, kind: MessageKind, message: dict[str, Any]) -> bool:
        """A judged message of the agent; True once it is safe.

        Raises:
            Rejected: it says what only the sidecar may say, or more than an agent may.
        """
        now = time.monotonic()
        said = message
        self._allowance.check(kind, said, now)
        if kind is MessageKind.HEARTBEAT:
            self._allowance.spend(kind, said, now)
            self._observed.record_heartbeat(message, now)
            if self._allowance.may_beat(now):
                self.beat(now, message)
            return True
        if "reply" in message:  # only the sidecar answers commands
            raise Rejected(Reason.UNKNOWN_FIELD, "reply")
        named = message.get("versions", {})
        if kind is MessageKind.STATUS:
            message = self._builder.completed(message, now)
        stored = self._builder.store(kind, message, severity=severity_of(message), keep=False)
        if stored:
            self._allowance.spend(kind, said, now)
        if stored and kind is MessageKind.STATUS:
            self._observed.record_status(message["state"], named)
            self._state.self_report.save(*self._observed.claimed)
            self._said = self._builder.fingerprint(now)
        if stored and kind is MessageKind.ALERT:
            self._state.hysteresis.record_own(message["code"], message["state"])
        return stored
