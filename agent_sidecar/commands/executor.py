"""Carries out commands: at most one of each verb at a time, the slow ones beside the loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from agent_sidecar.commands.queue import CommandQueue, CommandReply, QueuedCommand
from fleet.contract.vocabulary import ReplyCode, Result, Verb

log = logging.getLogger(__name__)

CHECK_TIME: Final = 5.0
"""Seconds a health-check waits for slow probes."""

Reload = Callable[[], ReplyCode]


class Body(Protocol):
    """What the hands belong to."""

    def start_round(self) -> None:
        """Probe now."""
        ...

    def reply(self, answer: CommandReply) -> None:
        """Publish a full status that carries `answer`."""
        ...

    def call(self, function: Callable[[], None]) -> None:
        """Run `function` in the loop's thread."""
        ...


class Executor:
    """Takes orders from the desk. `reload` is the local action; None: not configured."""

    def __init__(self, queue: CommandQueue, reload: Reload | None, body: Body) -> None:
        self._queue = queue
        self._reload = reload
        self._body = body
        self._checking: list[tuple[QueuedCommand, float]] = []
        self._reloading = 0

    @property
    def busy(self) -> bool:
        return bool(self._checking or self._reloading or len(self._queue))

    def work(self, wall: float, now: float) -> None:
        """Start what waits, urgent first."""
        while (command := self._queue.next()) is not None:
            if command.until < wall:
                self._finish(command, Result.EXPIRED, ReplyCode.TTL_EXPIRED, now)
            elif command.verb is Verb.HEALTH_CHECK:
                self._check(command, now)
            elif command.verb is Verb.CONFIG_RELOAD:
                self._start_reload(command, now)
            else:
                self._finish(command, Result.DONE, ReplyCode.OK, now)

    def overdue(self, now: float) -> bool:
        """Whether a health-check has waited long enough."""
        return any(now >= until for _, until in self._checking)

    def looked(self, pending: bool, now: float) -> None:
        """A round of probes is over; `pending`: some have not answered."""
        ended = [item for item in self._checking if not pending or now >= item[1]]
        for item in ended:
            self._checking.remove(item)
            result = Result.FAILED if pending else Result.DONE
            code = ReplyCode.PROBE_FAILED if pending else ReplyCode.OK
            self._finish(item[0], result, code, now)

    def due(self) -> float | None:
        return min((until for _, until in self._checking), default=None)

    def _check(self, command: QueuedCommand, now: float) -> None:
        self._checking.append((command, now + CHECK_TIME))
        self._body.start_round()

    def _start_reload(self, command: QueuedCommand, now: float) -> None:
        action = self._reload
        if action is None:
            self._finish(command, Result.UNSUPPORTED, ReplyCode.NOT_CONFIGURED, now)
            return

        def work() -> None:
            code = action()
            self._body.call(lambda: self._reloaded(command, code))

        self._reloading += 1
        threading.Thread(target=work, name="reload", daemon=True).start()

    def _reloaded(self, command: QueuedCommand, code: ReplyCode) -> None:
        """The new digest comes with the next round of probes, which starts now."""
        from time import monotonic

        self._reloading -= 1
        if code is ReplyCode.OK:
            self._check(command, monotonic())
        else:
            self._finish(command, Result.FAILED, code, monotonic())

    def _finish(self, command: QueuedCommand, result: Result, code: ReplyCode, now: float) -> None:
        log.info("%s: %s (%s)", command.verb, result, code)
        self._queue.finished(command)
        self._body.reply(command.answer(result, code, now))
