"""The sidecar at work: one thread, one select loop, everything else wakes it.

What it does, in the order it does it: probes are run in threads, their findings become alarms
and bus heartbeats; the drop directory is taken up; commands are carried out by urgency; the
outbox is moved to the broker; and a stop says goodbye.
"""

from __future__ import annotations

import logging
import os
import random
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any, Final

from agent_sidecar.board import Board
from agent_sidecar.config import Config
from agent_sidecar.courier import Courier
from agent_sidecar.desk import Answer, Bucket, Desk, Letter, Order
from agent_sidecar.drop import DropDirectory
from agent_sidecar.keys import load as load_keys
from agent_sidecar.link import Link
from agent_sidecar.memory import Memory
from agent_sidecar.outbox import Row
from agent_sidecar.pool import Pool
from agent_sidecar.probes.base import Assembly, Finding, Sign, Watcher
from agent_sidecar.reporter import Reporter, severity_of
from fleet.contract.errors import FleetError
from fleet.contract.judge import judges as load_judges
from fleet.contract.rejection import Rejected
from fleet.contract.words import (
    AlertCode,
    Check,
    MessageKind,
    Notice,
    Plane,
    Reason,
    ReplyCode,
    Result,
    Severity,
    State,
    Verb,
)

log = logging.getLogger(__name__)

GRACE: Final = 1.0
"""Seconds a bus heartbeat waits for slow probes; then it goes out with what is known."""

CHECK_TIME: Final = 5.0
"""Seconds a health-check waits for them."""

GOODBYE: Final = 3.0
"""Seconds a clean stop waits for the broker; a container runtime kills after ten."""

BACKLOG: Final = 1000
"""Rows in the outbox that are worth an alert: a tenth of what it holds."""

RESCAN: Final = 5.0
"""Seconds between looks into the drop directory when no wake-up comes."""

POLL: Final = 0.08
"""Seconds between looks where the system cannot wake us: slower would miss the 100 ms."""

BIRTH_SPREAD: Final = 1.0
"""Seconds over which a fleet answers `hub-online`."""


class Purpose(Enum):
    """Why the runner runs, and so when it is done."""

    DAEMON = "until it is told to stop"
    BEAT = "one bus heartbeat, then whatever waits"
    HANDLE = "whatever waits"
    LISTEN = "commands, until it is told to stop"


class Runner:
    """Runs the sidecar of one agent. The caller holds the lock on `config.state`."""

    def __init__(
        self, config: Config, assembly: Assembly, purpose: Purpose = Purpose.DAEMON
    ) -> None:
        self._config = config
        self._assembly = assembly
        self._purpose = purpose
        self._stopping = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._poll = select.poll()
        self._polled: dict[int, int] = {}
        self._done: list[Callable[[], None]] = []
        self._round_until: float | None = None
        self._checking: list[tuple[Order, float]] = []
        self._born = False
        self._birth_at: float | None = None
        self._said: tuple[object, ...] | None = None
        self._beats: set[int] = set()
        self._beaten = False
        self._denied_seen = 0
        self._threads = 0
        self._quiet_since = 0.0
        self._drop_at = 0.0
        self._heartbeats_said = Bucket(20.0, 50.0)
        self._reload: Callable[[], ReplyCode] | None = None

    @property
    def wake_descriptor(self) -> int:
        """For `signal.set_wakeup_fd`: a signal then interrupts the select."""
        return self._wake_write

    def wake(self) -> None:
        """Interrupt the select from any thread."""
        with suppress(OSError):  # full: it is awake; closed: it is over
            os.write(self._wake_write, b"\0")

    def stop(self) -> None:
        """Ask it to stop; safe from signal handlers, other threads, and twice."""
        self._stopping.set()
        self.wake()

    def run(self, deadline: float | None = None) -> None:
        """Run until done, or until `deadline` (monotonic s).

        Raises:
            FleetError: something it needs is not usable, or a one-shot did not get through.
        """
        self._build()
        try:
            self._loop(deadline)
            self._say_goodbye()
        finally:
            self._close()

    def _build(self) -> None:
        config = self._config
        self._judges = load_judges(config.added_words())
        keys = load_keys(config.path("FLEET_COMMAND_KEYS"))
        config.password()  # an unreadable secret is an error now, not a retry later
        self._reload = self._reload_action()
        resume = self._purpose is not Purpose.DAEMON
        memory = self._memory = Memory.open(config.state, time.time(), resume=resume)
        self._session, self._outbox = memory.session, memory.outbox
        self._board = Board(max_age=2.5 * config.interval)
        self._desk = Desk(self._judges, keys, memory.seen)
        self._pool = Pool(self._assembly.probes, self.wake)
        kind = self._assembly.kind
        self._reporter = Reporter(config, kind, memory, self._board, self._judges)
        topics = config.topics
        self._command = topics.of(MessageKind.COMMAND, config.agent)
        self._receipt = topics.of(MessageKind.RECEIPT, config.agent)
        filters = (self._command, self._receipt, topics.broadcast)
        self._link = Link(config, filters, self, self.wake)
        if self._purpose is Purpose.DAEMON:
            status = topics.of(MessageKind.STATUS, config.agent)
            self._link.will = lambda: (status, self._reporter.will(time.time()))
        self._courier = Courier(self._outbox, self._send_row)
        self._open_drop()
        self._next_beat = time.monotonic()

    def _reload_action(self) -> Callable[[], ReplyCode] | None:
        text = self._config.text("FLEET_RELOAD") or self._assembly.reload
        if text == "none":
            return lambda: ReplyCode.OK
        if not text:
            return None
        from agent_sidecar import actions

        action = actions.parse(text, self._assembly.pid)
        return action.run if action else None

    def _open_drop(self) -> None:
        self._drop: DropDirectory | None = None
        self._watch: Any = None
        path = self._config.path("FLEET_DROP")
        if path is None or str(path) == "-" or self._purpose is not Purpose.DAEMON:
            return
        drop = DropDirectory(path, self._judges)
        try:
            drop.open()
        except FleetError as error:
            if self._config.origins.get("FLEET_DROP") != "default":
                raise
            log.warning("%s; going on without a drop directory", str(error).splitlines()[0])
            return
        self._drop = drop
        try:
            from agent_sidecar.inotify import Watch

            self._watch = Watch(path)
        except (ImportError, OSError) as error:
            log.warning("no wake-up for %s (%s): looking every %g s", path, error, POLL)

    # --- the loop

    def _loop(self, deadline: float | None) -> None:
        while not self._stopping.is_set():
            now = time.monotonic()
            self._work(now)
            if self._is_done(now):
                return
            if deadline is not None and now >= deadline:
                raise self._not_through()
            self._wait(now, deadline)

    def _work(self, now: float) -> None:
        self._take_findings(now)
        self._take_drop(now)
        if self._purpose is Purpose.DAEMON and now >= self._next_beat:
            self._start_round(now)
            self._next_beat = max(
                now, self._next_beat + self._config.interval * random.uniform(0.98, 1.02)  # noqa: S311
            )  # fmt: skip
        elif self._purpose is Purpose.BEAT and self._round_until is None and not self._beaten:
            self._start_round(now)
        self._end_round(now)
        if self._may_connect():
            self._link.tick(now)
        if self._birth_at is not None and now >= self._birth_at:
            self._give_birth(now)
        self._run_orders(now)
        self._outbox.flush()
        self._courier.pump(now)

    def _wait(self, now: float, deadline: float | None) -> None:
        moments = [
            self._next_beat if self._purpose is Purpose.DAEMON else None,
            self._round_until,
            self._link.deadline(now) if self._may_connect() else None,
            self._courier.due(),
            self._pool.due(now),
            self._drop_at if self._drop else None,
            self._birth_at,
            deadline,
            now + 1.0 if self._outbox.unsaved or self._session.unsaved else None,
            now + 0.1 if self._purpose in (Purpose.BEAT, Purpose.HANDLE) else None,
            *(until for _, until in self._checking),
        ]
        until = min(moment for moment in (*moments, now + 60.0) if moment is not None)
        self._register()
        ready = self._poll.poll(max(0.0, until - now) * 1000 + 0.5)
        self._served({descriptor for descriptor, _ in ready})

    def _register(self) -> None:
        wanted = {self._wake_read: select.POLLIN}
        sock = self._link.socket
        if sock is not None and sock.fileno() >= 0:
            wanted[sock.fileno()] = select.POLLIN | (
                select.POLLOUT if self._link.wants_write else 0
            )
        if self._watch is not None:
            wanted[self._watch.fileno()] = select.POLLIN
        if self._round_until is None:
            for probe in self._assembly.probes:
                descriptor = probe.fileno() if isinstance(probe, Watcher) else None
                if descriptor is not None:
                    wanted[descriptor] = select.POLLIN
        if wanted != self._polled:
            self._poll = select.poll()
            for descriptor, events in wanted.items():
                self._poll.register(descriptor, events)
            self._polled = wanted

    def _served(self, ready: set[int]) -> None:
        now = time.monotonic()
        if self._wake_read in ready:
            ready.discard(self._wake_read)
            with suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        if self._watch is not None and self._watch.fileno() in ready:
            ready.discard(self._watch.fileno())
            self._watch.drain()
            self._drop_at = now
        sock = self._link.socket
        if sock is not None and sock.fileno() in ready:
            ready.discard(sock.fileno())
            self._link.ready(now)
        if ready and self._round_until is None:  # a probe's own descriptor
            self._start_round(now)
        done, self._done = self._done, []
        for callback in done:
            callback()

    # --- probes, alarms, heartbeats

    def _start_round(self, now: float) -> None:
        self._pool.submit(now)
        self._round_until = now + GRACE

    def _take_findings(self, now: float) -> None:
        results = self._pool.collect(now)
        if not results:
            return
        for probe, finding in results:
            self._board.put(probe.name, finding, now)
        self._raise_alarms([finding for _, finding in results])
        self._tell_change(now)

    def _end_round(self, now: float) -> None:
        """The round is over when every probe has answered, or when its time is up."""
        pending = self._pool.pending()
        ended = [item for item in self._checking if not pending or now >= item[1]]
        over = self._round_until is not None and (not pending or now >= self._round_until)
        if not (ended or over):
            return
        self._round_until = None
        self._look_at_link(now)
        self._tell_change(now)
        self._session.save()
        self._beat(now)
        for item in ended:
            self._checking.remove(item)
            code = ReplyCode.PROBE_FAILED if pending else ReplyCode.OK
            self._answer(item[0], Result.FAILED if pending else Result.DONE, code)

    def _look_at_link(self, now: float) -> None:
        finding = self._link_finding()
        self._board.put("link", finding, now)
        self._raise_alarms([finding])

    def _link_finding(self) -> Finding:
        """The sidecar's own plane: the link, and what piles up behind it."""
        counters = self._link.counters
        denied = counters.denied > self._denied_seen
        self._denied_seen = counters.denied
        trouble = denied or counters.refused_filters > 0
        waiting = self._outbox.waiting()
        backlog = waiting >= BACKLOG or self._outbox.unsaved > 0
        check = Check.PASS if self._link.up and not trouble else Check.WARN
        return Finding(
            Plane.BROKER.value,
            check,
            signs=(
                Sign(AlertCode.AUTH_FAILURE, denied if self._link.up else None, Severity.WARNING),
                Sign(AlertCode.QUEUE_BACKLOG, backlog, Severity.WARNING, waiting, BACKLOG),
            ),
        )

    def _raise_alarms(self, findings: list[Finding]) -> None:
        events = self._memory.alarms.update(findings, time.time())
        for event in events:
            self._reporter.alert(event)
        if events:
            try:
                self._memory.alarms.save()
            except OSError as error:
                log.warning("the alarms could not be written down: %s", error.strerror)

    def _beat(self, now: float, said: dict[str, Any] | None = None) -> None:
        if not self._link.up:
            return
        self._courier.pump(now)  # what has a lower number goes first
        payload = self._reporter.heartbeat(now, time.time(), self._own_metrics(), said)
        if payload is None:
            return
        topic = self._config.topics.of(MessageKind.HEARTBEAT, self._config.agent)
        mid = self._link.publish(topic, payload, retain=True)
        if mid is not None:
            self._beats.add(mid)

    def _own_metrics(self) -> dict[str, float]:
        rejected = sum(self._desk.dropped.values()) + self._reporter.withheld
        if self._drop is not None:
            rejected += sum(self._drop.rejected.values())
        return {
            "outbox_messages": len(self._outbox),
            "outbox_dropped_total": self._outbox.evicted,
            "rejected_total": rejected,
            "publish_denied_total": self._link.counters.denied,
            "connects_total": self._link.counters.connects,
        }

    # --- states

    def _give_birth(self, now: float) -> None:
        self._birth_at = None
        self._born = True
        self._reporter.status(State.RUNNING, now, time.time())
        self._said = (State.RUNNING.value, *self._reporter.fingerprint(now)[1:])
        self._tell_change(now)

    def _tell_change(self, now: float) -> None:
        if self._born and self._reporter.fingerprint(now) != self._said:
            self._said = self._reporter.fingerprint(now)
            self._reporter.status(self._board.state(now), now, time.time())

    # --- the drop directory

    def _take_drop(self, now: float) -> None:
        if self._drop is None or now < self._drop_at:
            return
        again = self._drop.scan(time.time(), self._deliver)
        self._drop_at = now + (POLL if again or self._watch is None else RESCAN)

    def _deliver(self, kind: MessageKind, message: dict[str, Any]) -> bool:
        now = time.monotonic()
        if kind is MessageKind.HEARTBEAT:
            self._board.heartbeat_said(message, now)
            if self._heartbeats_said.take(now):
                self._beat(now, message)
            return True
        if "reply" in message:  # only the sidecar answers commands
            raise Rejected(Reason.UNKNOWN_FIELD, "reply")
        stored = self._reporter.store(kind, message, severity=severity_of(message), keep=False)
        if stored and kind is MessageKind.STATUS:
            self._board.status_said(message["state"])
            self._said = self._reporter.fingerprint(now)
        return stored

    # --- commands

    def _run_orders(self, now: float) -> None:
        while (order := self._desk.next()) is not None:
            if order.until < time.time():
                self._answer(order, Result.EXPIRED, ReplyCode.TTL_EXPIRED)
            elif order.verb is Verb.HEALTH_CHECK:
                self._start_round(now)
                self._checking.append((order, now + CHECK_TIME))
            elif order.verb is Verb.CONFIG_RELOAD:
                self._start_reload(order)
            else:
                self._answer(order, Result.DONE, ReplyCode.OK)

    def _start_reload(self, order: Order) -> None:
        action = self._reload
        if action is None:
            self._answer(order, Result.UNSUPPORTED, ReplyCode.NOT_CONFIGURED)
            return

        def work() -> None:
            code = action()
            self._done.append(lambda: self._reloaded(order, code))
            self.wake()

        self._threads += 1
        threading.Thread(target=work, name="reload", daemon=True).start()

    def _reloaded(self, order: Order, code: ReplyCode) -> None:
        """The new digest comes from the next round of probes, which starts now."""
        self._threads -= 1
        if code is not ReplyCode.OK:
            self._answer(order, Result.FAILED, code)
            return
        now = time.monotonic()
        self._start_round(now)
        self._checking.append((order, now + CHECK_TIME))

    def _answer(self, order: Order, result: Result, code: ReplyCode) -> None:
        self._desk.finished(order)
        self._reply(order.answer(result, code, time.monotonic()))
        try:
            self._memory.seen.save()
        except OSError as error:
            log.warning("the answered ids could not be written down: %s", error.strerror)

    def _reply(self, answer: Answer) -> None:
        now = time.monotonic()
        log.info("%s: %s (%s)", answer.verb, answer.result, answer.code)
        self._reporter.status(self._board.state(now), now, time.time(), answer)

    # --- what the link tells

    def link_up(self, window: int) -> None:
        now = time.monotonic()
        self._quiet_since = now
        self._courier.link_up(now, window)
        self._look_at_link(now)
        if self._purpose is Purpose.DAEMON:
            self._give_birth(now)
            self._beat(now)
        elif self._purpose is Purpose.BEAT:
            self._tell_once(now)
            self._beat(now)
            self._beaten = True

    def link_down(self, why: str) -> None:
        log.warning("link down: %s", why)
        self._beats.clear()
        self._courier.link_down()

    def acked(self, mid: int, denied: bool) -> None:
        self._beats.discard(mid)
        self._courier.acked(mid)

    def message(self, topic: str, payload: bytes, retain: bool) -> None:
        now = time.monotonic()
        self._quiet_since = now
        if topic == self._receipt:
            self._take_receipt(payload, retain, now)
            return
        broadcast = topic == self._config.topics.broadcast
        kind = MessageKind.BROADCAST if broadcast else MessageKind.COMMAND
        got = self._desk.take(Letter(kind, topic, payload, retain), time.time(), now)
        if isinstance(got, Answer):
            self._reply(got)
        elif got is Notice.HUB_ONLINE and self._purpose is Purpose.DAEMON:
            self._courier.hub_online(now)
            self._birth_at = now + random.uniform(0, BIRTH_SPREAD)  # noqa: S311

    def _take_receipt(self, payload: bytes, retain: bool, now: float) -> None:
        if retain:
            self._desk.dropped[Reason.RETAINED_COMMAND.value] += 1
            return
        try:
            receipt = self._judges[MessageKind.RECEIPT].read(payload)
        except Rejected as rejected:
            self._desk.dropped[rejected.reason.value] += 1
            return
        boot, seq = receipt["boot"], receipt["seq"]
        if (boot, seq) >= (self._session.boot, self._session.issued):
            self._desk.dropped["impossible-receipt"] += 1  # nothing of that number was ever sent
            return
        self._courier.receipt(boot, seq, now)

    def _send_row(self, row: Row) -> int | None:
        topic = self._config.topics.of(row.kind, self._config.agent)
        return self._link.publish(topic, row.payload, retain=row.retain)

    # --- one-shot runs, and the end

    def _may_connect(self) -> bool:
        """The first round of probes comes first, so that a birth has something to say."""
        return self._link.up or self._round_until is None or self._link.counters.connects > 0

    def _tell_once(self, now: float) -> None:
        """A one-shot run tells its state only when it is not what the last run told."""
        from agent_sidecar.files import replace_text

        path = self._config.state / "told.json"
        told = repr((self._session.boot, self._reporter.fingerprint(now)))
        try:
            if path.read_text() == told:
                return
        except OSError:
            pass
        self._reporter.status(self._board.state(now), now, time.time())
        try:
            replace_text(path, told)
        except OSError as error:
            log.warning("%s could not be written: %s", path, error.strerror)

    def _is_done(self, now: float) -> bool:
        if self._purpose not in (Purpose.BEAT, Purpose.HANDLE) or not self._link.up:
            return False
        busy = self._beats or self._checking or self._threads or len(self._desk)
        if busy or not self._courier.idle or (self._purpose is Purpose.BEAT and not self._beaten):
            return False
        hoping = self._outbox.receipted and len(self._outbox) > 0
        return now - self._quiet_since >= (1.5 if hoping else 0.25)

    def _not_through(self) -> FleetError:
        broker = self._config.broker
        if self._link.up:
            return FleetError(
                "not everything got through in time",
                f"{broker} did not acknowledge; what matters stays in the outbox",
                "agent-sidecar check, or a longer --timeout",
            )
        return FleetError(
            f"no link to {broker}",
            self._link.why or "no answer in time",
            f"start the broker, or set FLEET_BROKER (now {broker})",
        )

    def _say_goodbye(self) -> None:
        if self._purpose is not Purpose.DAEMON:
            return
        now = time.monotonic()
        self._reporter.status(State.OFFLINE, now, time.time())
        until = now + GOODBYE
        self._born = False
        while self._link.up and (now := time.monotonic()) < until:
            self._link.tick(now)
            self._courier.pump(now)
            if self._courier.idle:
                return
            self._register()
            self._poll.poll(100)
            self._link.ready(time.monotonic())

    def _close(self) -> None:
        self._pool.close()
        self._link.close()
        if self._watch is not None:
            self._watch.close()
        if self._drop is not None:
            self._drop.close()
        self._memory.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
