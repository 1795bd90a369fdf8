"""Carries out commands: at most one of each verb at a time, the slow ones beside the loop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agent_sidecar.commands.queue import CommandQueue, CommandReply, QueuedCommand
from fleet.contract.vocabulary import ReplyCode, Result, Verb

log = logging.getLogger(__name__)

CHECK_TIME: Final = 5.0
"""Seconds a health-check waits for slow probes."""

Reload = Callable[[], ReplyCode]


@dataclass(frozen=True, slots=True)
class _Checking:
    """A command that waits for a round of probes until then (monotonic s), and its answer."""

    command: QueuedCommand
    until: float
    code: ReplyCode


class Executor:
    """Starts what the queue gives out, and hands each result on as a reply.

    Args:
        reload: the local action, with what is looked at before and after it.
        probe: starts a round of probes; its argument is now, monotonic s.
        reply: takes each reply, and now.
        call: runs a function in the loop's thread.
    """

    def __init__(
        self,
        queue: CommandQueue,
        reload: Reload,
        *,
        probe: Callable[[float], None],
        reply: Callable[[CommandReply, float], None],
        call: Callable[[Callable[[], None]], None],
    ) -> None:
        self._queue = queue
        self._reload = reload
        self._probe = probe
        self._reply = reply
        self._call = call
        self._checking: list[_Checking] = []
        self._reloading = 0
        self._untold: list[tuple[QueuedCommand, Result, ReplyCode]] = []
        self.actions: Mapping[Verb, Callable[[QueuedCommand, float], None]] = {
            Verb.HEALTH_CHECK: self._check,
            Verb.VERSION_REPORT: self._report,
            Verb.CONFIG_RELOAD: self._start_reload,
            Verb.STATUS_REPORT: self._report,
        }
        """What each verb does: the whole vocabulary, and nothing for a word beyond it."""

    @property
    def busy(self) -> bool:
        return bool(self._checking or self._reloading or len(self._queue))

    @property
    def answering(self) -> bool:
        """Whether a command would be run again, did the broker bring it again: to look is
        harmless. One that changes something is known by its id, and would be dropped."""
        return bool(self._checking or len(self._queue))

    def work(self, wall: float, now: float) -> None:
        """Start what waits, urgent first."""
        while (command := self._queue.start_next()) is not None:
            if command.until < wall:
                self._finish(command, Result.EXPIRED, ReplyCode.TTL_EXPIRED, now)
            else:
                self.actions[command.verb](command, now)

    def overdue(self, now: float) -> bool:
        """Whether a health-check has waited long enough."""
        return any(now >= one.until for one in self._checking)

    def probed(self, pending: bool, now: float) -> None:
        """A round of probes is over; `pending`: some have not answered."""
        ended = [one for one in self._checking if not pending or now >= one.until]
        for one in ended:
            self._checking.remove(one)
            code = ReplyCode.PROBE_FAILED if pending and one.code is ReplyCode.OK else one.code
            result = Result.DONE if code is ReplyCode.OK else Result.FAILED
            self._finish(one.command, result, code, now)

    def due(self) -> float | None:
        """When a health-check has waited long enough (monotonic s); None: none waits."""
        return min((one.until for one in self._checking), default=None)

    def _check(self, command: QueuedCommand, now: float, code: ReplyCode = ReplyCode.OK) -> None:
        self._checking.append(_Checking(command, now + CHECK_TIME, code))
        self._probe(now)

    def _report(self, command: QueuedCommand, now: float) -> None:
        """The reply rides on a full status, which is all that was asked for."""
        self._finish(command, Result.DONE, ReplyCode.OK, now)

    def _start_reload(self, command: QueuedCommand, now: float) -> None:
        def work() -> None:
            code = self._reload()
            self._call(lambda: self._reloaded(command, code))

        self._reloading += 1
        threading.Thread(target=work, name="reload", daemon=True).start()

    def _reloaded(self, command: QueuedCommand, code: ReplyCode) -> None:
        """The new digest, or what is wrong, comes with a round of probes, which starts now."""
        self._reloading -= 1
        now = time.monotonic()
        if code in (ReplyCode.OK, ReplyCode.CONFIG_INVALID):
            self._check(command, now, code)
        else:
            nothing = code is ReplyCode.NOT_CONFIGURED
            self._finish(command, Result.UNSUPPORTED if nothing else Result.FAILED, code, now)

    def _finish(self, command: QueuedCommand, result: Result, code: ReplyCode, now: float) -> None:
        self._queue.finished(command)
        self._reply(command.reply(result, code, now), now)
        self._untold.append((command, result, code))

    def log(self) -> None:
        """Say in the log what was carried out; for a moment when its answers have left."""
        for command, result, code in self._untold:
            log.info("%s: %s (%s)", command.verb, result, code)
        self._untold.clear()
