"""The sidecar at work: one thread, one loop; everything else only wakes it.

Probes run in threads, and the herald speaks of what they find; the drop directory is taken up;
commands are carried out by urgency; the outbox is moved to the broker; and a stop says goodbye.
This file only says who is asked in which order, and when to wake up next.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from agent_sidecar.commands.executor import Hands, Reload
from agent_sidecar.commands.queue import Answer, Desk
from agent_sidecar.commands.trusted_keys import load as load_keys
from agent_sidecar.config import Config
from agent_sidecar.drop.watcher import Hatch
from agent_sidecar.mqtt.client import require_files
from agent_sidecar.mqtt.connection import Link
from agent_sidecar.mqtt.dispatch import Inbox
from agent_sidecar.mqtt.sender import Courier
from agent_sidecar.one_shot import HOPE, QUIET, Purpose
from agent_sidecar.probes.base import Assembly
from agent_sidecar.probes.rounds import Rounds
from agent_sidecar.reactor import Reactor
from agent_sidecar.state.directory import Memory
from agent_sidecar.state.outbox import Row
from agent_sidecar.telemetry.findings import Board
from agent_sidecar.telemetry.messages import Reporter
from agent_sidecar.telemetry.publisher import Herald
from agent_sidecar.telemetry.self_metrics import SelfWatch
from fleet.contract.errors import FleetError
from fleet.contract.schema_validator import judges as load_judges
from fleet.contract.vocabulary import MessageKind, Notice, ReplyCode

log = logging.getLogger(__name__)

GOODBYE: Final = 3.0
"""Seconds a clean stop waits for the broker; a container runtime kills after ten."""

RECEIPT_HOPE: Final = 0.5
"""Seconds of it in which the hub's receipt is hoped for: else the next session says it again."""

BIRTH_SPREAD: Final = 1.0
"""Seconds over which a fleet answers `hub-online`."""

BEAT_SPREAD: Final = 0.02
"""Part of the interval by which beats vary, so that a fleet does not beat in step."""


SETTLE: Final = 1.0
"""Seconds in which receipts may gather before they are written down."""


class Runner:
    """Runs the sidecar of one agent. The caller holds the lock on `config.state`.

    `mail` are messages of the agent to send; they have been judged.
    """

    def __init__(
        self,
        config: Config,
        assembly: Assembly,
        purpose: Purpose = Purpose.DAEMON,
        mail: Sequence[tuple[MessageKind, dict[str, Any]]] = (),
    ) -> None:
        self._config = config
        self._assembly = assembly
        self._purpose = purpose
        self._mail = mail
        self._stopping = threading.Event()
        self._farewell = True
        self._reactor = Reactor()
        self._next_beat = 0.0
        self._birth_at: float | None = None
        self._settle_at: float | None = None
        self._quiet_since = 0.0

    @property
    def wake_descriptor(self) -> int:
        """For `signal.set_wakeup_fd`: a signal then interrupts the wait."""
        return self._reactor.wake_descriptor

    def stop(self, *, farewell: bool = True) -> None:
        """Ask it to stop; safe from signal handlers, other threads, and twice. Without
        `farewell` it does not say `offline`, since another session follows at once."""
        self._farewell = farewell
        self._stopping.set()
        self._reactor.wake()

    def run(self, deadline: float | None = None) -> None:
        """Run until done, or until `deadline` (monotonic s).

        Raises:
            FleetError: something it needs is not usable, or a one-shot did not get through.
        """
        try:
            self._build()
            try:
                self._loop(deadline)
                if self._purpose is Purpose.DAEMON and self._farewell:
                    self._say_goodbye()
            finally:
                self._close()
        finally:
            self._reactor.close()

    def _build(self) -> None:
        config, wake = self._config, self._reactor.wake
        judges = load_judges(config.added_words())
        keys = load_keys(config.path("FLEET_COMMAND_KEYS"))
        require_files(config)
        reload = _reload_action(config, self._assembly)
        daemon = self._purpose is Purpose.DAEMON
        self._hatch = Hatch(config, judges, self._deliver) if daemon else None
        memory = self._memory = Memory.open(config.state, time.time(), resume=not daemon)
        memory.alarms.retain(probe.name for probe in self._assembly.probes)
        self._outbox = memory.outbox
        self._rounds = Rounds(self._assembly.probes, wake)
        self._courier = Courier(memory.outbox, self._send_row)
        desk = Desk(judges, keys, memory.seen)
        self._hands = Hands(desk, reload, self)
        self._inbox = Inbox(config, judges, memory.session, self._courier, desk)
        self._link = Link(config, self._inbox.filters, self, wake)
        board = Board(max_age=2.5 * config.interval)
        reporter = Reporter(config, self._assembly.kind, memory, board, judges)
        watch = SelfWatch(self._link, memory.outbox, desk, reporter, self._hatch)
        self._herald = Herald(
            config, self._purpose, memory, board, reporter, watch, self._courier, self._link
        )
        if daemon:
            status = config.topics.of(MessageKind.STATUS, config.agent)
            self._link.will = lambda: (status, reporter.will(time.time()))

    def _close(self) -> None:
        self._rounds.close()
        self._link.close()
        if self._hatch is not None:
            self._hatch.close()
        self._memory.close()

    # --- the loop

    def _loop(self, deadline: float | None) -> None:
        self._next_beat = time.monotonic()
        for kind, message in self._mail:
            if kind is not MessageKind.HEARTBEAT:
                self._deliver(kind, message)
        while not self._stopping.is_set():
            now = time.monotonic()
            self._work(now)
            if self._purpose.ends and self._is_done(now):
                return
            hopeless = self._purpose.ends and self._link.refused
            if hopeless or (deadline is not None and now >= deadline):
                raise self._not_through()
            self._wait(now, deadline)

    def _work(self, now: float) -> None:
        results = self._rounds.collect(now)
        if results:
            self._herald.found(results, now)
        if self._hatch is not None:
            self._hatch.look(now)
        if now >= self._next_beat:
            self._next_beat = self._beat_after(now)
            if self._purpose in (Purpose.DAEMON, Purpose.BEAT):
                self._rounds.start(now)
        if self._rounds.ended(now) or self._hands.overdue(now):
            self._herald.round_over(now)
            self._hands.looked(self._rounds.pending, now)
        if not self._rounds.running or self._link.tried:  # a birth needs something to say
            self._link.tick(now)
        if self._birth_at is not None and now >= self._birth_at:
            self._birth_at = None
            self._herald.birth(now)
        self._hands.work(time.time(), now)
        self._outbox.flush()
        self._courier.pump(now)
        self._settle(now)

    def _settle(self, now: float) -> None:
        """Write down what can wait when nobody has waited for us for a while."""
        if not self._memory.ledger.staged:
            self._settle_at = None
        elif self._settle_at is None:
            self._settle_at = now + SETTLE
        elif now >= self._settle_at:
            self._memory.ledger.settle()
            self._settle_at = None

    def _wait(self, now: float, deadline: float | None) -> None:
        link_waits = self._rounds.running and not self._link.tried
        moments = (
            self._next_beat,
            self._rounds.due(now),
            None if link_waits else self._link.deadline(now),
            self._courier.due(),
            self._hands.due(),
            self._hatch.due if self._hatch else None,
            self._birth_at,
            self._settle_at,
            deadline,
            now + 1.0 if self._outbox.unsaved else None,
            now + QUIET / 2 if self._purpose.ends else None,
        )
        until = min(moment for moment in moments if moment is not None)
        readable = self._rounds.descriptors(now)
        if self._hatch is not None:
            readable += self._hatch.descriptors()
        link = self._link.descriptor
        if link >= 0:
            readable.append(link)
        ready = self._reactor.wait(until - now, readable, link if self._link.wants_write else -1)
        self._serve(ready)

    def _serve(self, ready: set[int]) -> None:
        now = time.monotonic()
        if self._link.descriptor in ready:
            ready.discard(self._link.descriptor)
            self._link.ready(now)
        if self._hatch is not None:
            ready = self._hatch.woken(ready)
        self._rounds.woken(ready, now)

    def _beat_after(self, now: float) -> float:
        interval = self._config.interval
        spread = random.uniform(1 - BEAT_SPREAD, 1 + BEAT_SPREAD)  # noqa: S311
        return max(now + interval / 2, self._next_beat + interval * spread)

    # --- what the hands and the hatch ask for

    def start_round(self) -> None:
        self._rounds.start(time.monotonic())

    def reply(self, answer: Answer) -> None:
        self._herald.reply(answer, time.monotonic())

    def call(self, function: Callable[[], None]) -> None:
        self._reactor.call(function)

    def _deliver(self, kind: MessageKind, message: dict[str, Any]) -> bool:
        return self._herald.deliver(kind, message)

    # --- what the link tells

    def link_up(self, window: int) -> None:
        now = self._quiet_since = time.monotonic()
        self._courier.link_up(now, window)
        self._birth_at = None
        self._herald.link_up(now)
        for kind, message in self._mail:
            if kind is MessageKind.HEARTBEAT:
                self._herald.beat(now, message)

    def link_down(self, why: str) -> None:
        log.warning("link down: %s", why)
        self._herald.link_down()
        self._courier.link_down()

    def acked(self, mid: int, denied: bool) -> None:
        self._herald.acked(mid)
        self._courier.acked(mid)

    def message(self, topic: str, payload: bytes, retain: bool) -> None:
        now = self._quiet_since = time.monotonic()
        got = self._inbox.take(topic, payload, retain, now)
        if isinstance(got, Answer):
            self.reply(got)
        elif got is Notice.HUB_ONLINE:
            self._courier.hub_online(now)
            if self._purpose is Purpose.DAEMON:
                self._birth_at = now + random.uniform(0, BIRTH_SPREAD)  # noqa: S311

    def _send_row(self, row: Row) -> int | None:
        topic = self._config.topics.of(row.kind, self._config.agent)
        return self._link.publish(topic, row.payload, retain=row.retain)

    # --- the end

    def _is_done(self, now: float) -> bool:
        waits_for_beat = self._purpose is Purpose.BEAT and not self._herald.beaten
        if not self._link.up or self._herald.unheard or self._hands.busy or waits_for_beat:
            return False
        hoping = self._outbox.receipted and len(self._outbox) > 0
        quiet = now - self._quiet_since >= (HOPE if hoping else QUIET)
        return quiet and self._courier.idle

    def _not_through(self) -> FleetError:
        broker = self._config.broker
        if self._link.up:
            why = f"{broker} did not acknowledge; what matters stays in the outbox"
            remedy = "agent-sidecar check, or a longer --timeout"
            return FleetError("not everything got through in time", why, remedy)
        why = self._link.why or "no answer in time"
        return FleetError(f"no link to {broker}", why, self._link.remedy)

    def _say_goodbye(self) -> None:
        """The last status is `offline`; closing the link then drops the will."""
        now = time.monotonic()
        until, receipt_until = now + GOODBYE, now + RECEIPT_HOPE
        self._herald.farewell(now)
        while self._link.up and now < until:
            self._courier.pump(now)
            hoping = self._outbox.receipted and len(self._outbox) > 0 and now < receipt_until
            if self._courier.idle and not self._herald.unheard and not hoping:
                return
            link = self._link.descriptor
            self._reactor.wait(0.1, [link], link if self._link.wants_write else -1)
            now = time.monotonic()
            self._link.ready(now)


def _reload_action(config: Config, assembly: Assembly) -> Reload | None:
    """`none` stands for agents that apply their configuration by themselves."""
    text = config.text("FLEET_RELOAD") or assembly.reload
    if text == "none":
        return lambda: ReplyCode.OK
    if not text:
        return None
    from agent_sidecar.commands.reload import parse

    action = parse(text, assembly.pid)
    return action.run if action else None
