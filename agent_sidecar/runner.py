"""The sidecar at work: one thread, one loop; everything else only wakes it.

Probes run in threads, and the publisher speaks of what they find; the drop directory is taken up;
commands go from the connection to the dispatcher, the queue, the executor and, as replies, to the
publisher; the outbox is moved to the broker; and a stop says goodbye. This file puts the parts
together, says who is asked in which order and when to wake up next. No message passes through it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from agent_sidecar import lease, lock
from agent_sidecar.commands.config_reload import reload_action
from agent_sidecar.commands.executor import Executor
from agent_sidecar.commands.queue import CommandQueue
from agent_sidecar.commands.task_offers import OnOffer
from agent_sidecar.commands.trusted_keys import load as load_keys
from agent_sidecar.config import Config
from agent_sidecar.drop.watcher import DropWatcher
from agent_sidecar.hub_watch import HubWatch
from agent_sidecar.mqtt.client import require_files
from agent_sidecar.mqtt.connection import BrokerConnection
from agent_sidecar.mqtt.dispatch import Dispatcher
from agent_sidecar.mqtt.not_through import not_through, require_all_sent
from agent_sidecar.mqtt.reconnect import Reconnect
from agent_sidecar.mqtt.sender import OutboxSender
from agent_sidecar.one_shot import HOPE, LEAST_QUIET, Purpose, tell_lack
from agent_sidecar.probes.base import Assembly
from agent_sidecar.probes.rounds import Rounds
from agent_sidecar.reactor import Reactor
from agent_sidecar.state.directory import StateDirectory
from agent_sidecar.state.settling import Settling
from agent_sidecar.telemetry.messages import MessageBuilder
from agent_sidecar.telemetry.observed_state import ObservedState
from agent_sidecar.telemetry.publisher import Publisher
from agent_sidecar.telemetry.self_metrics import SelfMetrics
from agent_sidecar.telemetry.task_progress import TaskProgress
from agent_sidecar.upkeep import Upkeep
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import MessageKind

if TYPE_CHECKING:
    from agent_sidecar.pair.beside import PairBeside

log = logging.getLogger(__name__)

GOODBYE: Final = 3.0
"""Seconds a clean stop waits for the broker; a container runtime kills after ten."""

RECEIPT_HOPE: Final = 0.5
"""Seconds of it in which the hub's receipt is hoped for: else the next session says it again."""

BEAT_SPREAD: Final = 0.02
"""Part of the interval by which beats vary, so that a fleet does not beat in step."""


class Runner:
    """Runs the sidecar of one agent. The caller holds the lock on `config.state`.

    `mail` are messages of the agent to send; they have been judged. `offered` takes offers of
    tasks; without it this agent does not work, and hears of none.
    """

    def __init__(
        self,
        config: Config,
        assembly: Assembly,
        purpose: Purpose = Purpose.DAEMON,
        mail: Sequence[tuple[MessageKind, dict[str, Any]]] = (),
        offered: OnOffer | None = None,
        pair: PairBeside | None = None,
    ) -> None:
        self._config = config
        self._offered, self._pair = offered, pair
        self._assembly = assembly
        self._purpose, self._mail = purpose, mail
        self._stopping, self._farewell = threading.Event(), True
        self._reactor, self._next_beat = Reactor(), 0.0

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

    def tell_progress(self, told: TaskProgress) -> None:
        """Have the bus hear how far a task is; from any thread."""
        self._reactor.call(lambda: self._publisher.progress(told, time.monotonic()))

    def _tell_role(self) -> None:
        self._reactor.call(lambda: self._publisher.beat(time.monotonic()))

    def run(self, deadline: float | None = None) -> None:
        """Run until done, or until `deadline` (monotonic s).

        Raises:
            FleetError: something it needs is not usable, or a one-shot did not get through.
        """
        try:
            self._build()
            try:
                self._loop(deadline)
                self._retire()
                if self._purpose is Purpose.DAEMON and self._farewell:
                    self._say_goodbye()
            finally:
                self._close()
        finally:
            self._reactor.close()

    def _build(self) -> None:
        """Every part, from the state on disk up to what listens to the bus.

        Raises:
            FleetError: something that it needs is not usable.
        """
        config, wake = self._config, self._reactor.wake
        added = config.added_words()
        validators = schema_validators(added)
        keys = load_keys(config.path("FLEET_COMMAND_KEYS"))
        require_files(config)
        reload = reload_action(config.text("FLEET_RELOAD") or self._assembly.reload, self._assembly)
        daemon = self._purpose is Purpose.DAEMON
        self._drop_watcher = DropWatcher(config, validators, added) if daemon else None
        state = self._state = StateDirectory.open(config.state, time.time(), resume=not daemon)
        state.hysteresis.retain(probe.name for probe in self._assembly.probes)
        self._outbox, self._settling = state.outbox, Settling(state.database, state.outbox)
        self._rounds = Rounds(self._assembly.probes, wake)
        origin = state.origin
        reconnect = Reconnect(
            config.agent,
            str(config.broker),
            config.interval,
            brokers=len(config.brokers.every),
            newcomer=bool(origin.why),
            lasted=origin.confirm,
        )
        if origin.why:
            log.warning("%s %s: going on with a new session", config.state, origin.why)
            log.warning("Should another sidecar run for %s, this one gives way", config.agent)
        self._connection = BrokerConnection(config, wake, reconnect)
        self._sender = OutboxSender(state.outbox, self._connection.publish)
        self._watch = HubWatch(config, lambda: self._connection.up, time.monotonic())
        queue = self._queue = CommandQueue(
            validators, keys, state.seen, state.session, time.monotonic()
        )
        observed = ObservedState(max_age=2.5 * config.interval)
        observed.record_status(*state.self_report.load())
        builder = MessageBuilder(config, self._assembly.kind, state, observed, validators)
        self._publisher = Publisher(
            config,
            self._purpose,
            state,
            observed,
            builder,
            SelfMetrics(
                self._connection, state.outbox, queue, builder, self._drop_watcher, self._pair
            ),
            self._sender,
            self._connection,
        )
        self._executor = Executor(
            queue,
            reload,
            probe=self._rounds.start,
            reply=self._publisher.reply,
            call=self._reactor.call,
        )
        dispatcher = Dispatcher(
            config,
            validators,
            state.session,
            self._sender,
            queue,
            reply=self._publisher.reply,
            hub_online=self._publisher.hub_online,
            offered=self._offered,
        )
        dispatcher.watch = self._watch
        if self._pair is not None:
            dispatcher.hand_leases_to(self._pair)
            self._pair.start(self._tell_role)
        self._connection.listen(
            dispatcher.filters, dispatcher.dispatch, self._sender, self._publisher, self._watch
        )
        self._upkeep = Upkeep(
            lambda _now: lease.renew(config.state / lock.FILE),
            self._watch.look,
            *([self._drop_watcher.renew] if self._drop_watcher else []),
        )
        if daemon:
            status = config.topics.of(MessageKind.STATUS, config.agent)
            self._connection.will = lambda: (status, builder.will(time.time()))

    def _retire(self) -> None:
        """From now on nobody relies on this process; what was handed over before is taken up, and
        what was answered need not come again."""
        if self._drop_watcher is not None and self._farewell:
            self._drop_watcher.retire(self._publisher.deliver)
        self._outbox.flush()
        self._acknowledge()

    def _close(self) -> None:
        if self._pair is not None:
            self._pair.stop()
        self._rounds.close()
        self._connection.close()
        if self._drop_watcher is not None:
            self._drop_watcher.close()
        self._state.close()

    # --- the loop

    def _loop(self, deadline: float | None) -> None:
        self._next_beat = time.monotonic()
        self._publisher.hand_over(self._mail)
        while not self._stopping.is_set():
            now = time.monotonic()
            self._work(now)
            if self._purpose.ends and self._is_done(now):
                self._state.origin.confirm()
                able = self._connection.ability
                tell_lack(self._config.state, able.no_retain, sure=able.states)
                require_all_sent(self._connection)
                return
            hopeless = self._purpose.ends and self._connection.refused and not self._rounds.running
            if hopeless or (deadline is not None and now >= deadline):
                raise not_through(self._connection)
            self._wait(now, deadline)

    def _work(self, now: float) -> None:
        if len(self._queue):  # somebody waits for the answer, and for nothing else
            self._executor.work(time.time(), now)
            self._sender.pump(now)
        self._upkeep.tick(now)
        results = self._rounds.collect(now)
        if results:
            self._publisher.found(results, now)
        if self._drop_watcher is not None:
            self._drop_watcher.look(now, self._publisher.deliver)
        if now >= self._next_beat:
            self._next_beat = self._beat_after(now)
            if self._purpose in (Purpose.DAEMON, Purpose.BEAT):
                self._rounds.start(now)
        if self._rounds.ended(now) or self._executor.overdue(now):
            self._publisher.round_over(now)
            self._executor.probed(self._rounds.pending, now)
        if not self._link_waits:
            self._connection.tick(now)
        self._publisher.tick(now)
        self._executor.work(time.time(), now)
        self._sender.pump(now)
        self._settling.tick(now, self._connection.heard_at)
        if not self._settling.holds:
            self._acknowledge()

    def _acknowledge(self) -> None:
        self._connection.acknowledge(hold=self._executor.answering)
        self._executor.log()

    def _wait(self, now: float, deadline: float | None) -> None:
        moments = (
            self._next_beat,
            self._upkeep.due,
            self._rounds.due(now),
            None if self._link_waits else self._connection.deadline(now),
            self._sender.due(),
            self._executor.due(),
            self._drop_watcher.due if self._drop_watcher else None,
            self._publisher.due(),
            self._settling.due,
            deadline,
            now + LEAST_QUIET / 2 if self._purpose.ends else None,
        )
        until = min(moment for moment in moments if moment is not None)
        watched = self._drop_watcher.descriptors() if self._drop_watcher else []
        connection = self._connection.descriptor
        link = [connection] if connection >= 0 else []
        readable = [*self._rounds.descriptors(now), *watched, *link]
        self._rounds.release()
        ready = self._reactor.wait(
            until - now, readable, connection if self._connection.wants_write else -1
        )
        self._serve(ready)

    def _serve(self, ready: set[int]) -> None:
        now = time.monotonic()
        if self._connection.descriptor in ready:
            ready.discard(self._connection.descriptor)
            self._connection.ready(now)
        if self._drop_watcher is not None:
            ready = self._drop_watcher.woken(ready)
        self._rounds.woken(ready, now)

    def _beat_after(self, now: float) -> float:
        interval = self._config.interval
        spread = random.uniform(1 - BEAT_SPREAD, 1 + BEAT_SPREAD)  # noqa: S311
        return max(now + interval / 2, self._next_beat + interval * spread)

    @property
    def _link_waits(self) -> bool:
        """A birth needs something to say; who beats once uses the time in which it probes."""
        daemon = self._purpose is Purpose.DAEMON
        return daemon and self._rounds.running and not self._connection.tried

    # --- the end

    def _is_done(self, now: float) -> bool:
        self._connection.ready(now)  # what has come meanwhile counts
        waits_for_beat = self._purpose is Purpose.BEAT and not self._publisher.beaten
        if (
            not self._connection.up
            or self._publisher.unheard
            or self._executor.busy
            or self._queue.awaits(now)
            or waits_for_beat
        ):
            return False
        hoping = self._outbox.receipted and len(self._outbox) > 0
        silence = HOPE if hoping else self._purpose.quiet(self._connection.welcome)
        return now - self._connection.heard_at >= silence and self._sender.idle

    def _say_goodbye(self) -> None:
        """The last status is `offline`; closing the link then drops the will."""
        now = time.monotonic()
        until, receipt_until = now + GOODBYE, now + RECEIPT_HOPE
        self._publisher.farewell(now)
        while self._connection.up and now < until:
            self._sender.pump(now)
            hoping = self._outbox.receipted and len(self._outbox) > 0 and now < receipt_until
            if self._sender.idle and not self._publisher.unheard and not hoping:
                return
            connection = self._connection.descriptor
            self._reactor.wait(
                0.1, [connection], connection if self._connection.wants_write else -1
            )
            now = time.monotonic()
            self._connection.ready(now)
