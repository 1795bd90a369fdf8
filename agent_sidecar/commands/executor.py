"""Carries out commands: at most one of each verb at a time, the slow ones beside the loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from agent_sidecar.commands.queue import Answer, Desk, Order
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

    def reply(self, answer: Answer) -> None:
        """Publish a full status that carries `answer`."""
        ...

    def call(self, function: Callable[[], None]) -> None:
        """Run `function` in the loop's thread."""
        ...


class Hands:
    """Takes orders from the desk. `reload` is the local action; None: not configured."""

    def __init__(self, desk: Desk, reload: Reload | None, body: Body) -> None:
        self._desk = desk
        self._reload = reload
        self._body = body
        self._checking: list[tuple[Order, float]] = []
        self._reloading = 0

    @property
    def busy(self) -> bool:
        return bool(self._checking or self._reloading or len(self._desk))

    def work(self, wall: float, now: float) -> None:
        """Start what waits, urgent first."""
        while (order := self._desk.next()) is not None:
            if order.until < wall:
                self._finish(order, Result.EXPIRED, ReplyCode.TTL_EXPIRED, now)
            elif order.verb is Verb.HEALTH_CHECK:
                self._check(order, now)
            elif order.verb is Verb.CONFIG_RELOAD:
                self._start_reload(order, now)
            else:
                self._finish(order, Result.DONE, ReplyCode.OK, now)

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

    def _check(self, order: Order, now: float) -> None:
        self._checking.append((order, now + CHECK_TIME))
        self._body.start_round()

    def _start_reload(self, order: Order, now: float) -> None:
        action = self._reload
        if action is None:
            self._finish(order, Result.UNSUPPORTED, ReplyCode.NOT_CONFIGURED, now)
            return

        def work() -> None:
            code = action()
            self._body.call(lambda: self._reloaded(order, code))

        self._reloading += 1
        threading.Thread(target=work, name="reload", daemon=True).start()

    def _reloaded(self, order: Order, code: ReplyCode) -> None:
        """The new digest comes with the next round of probes, which starts now."""
        from time import monotonic

        self._reloading -= 1
        if code is ReplyCode.OK:
            self._check(order, monotonic())
        else:
            self._finish(order, Result.FAILED, code, monotonic())

    def _finish(self, order: Order, result: Result, code: ReplyCode, now: float) -> None:
        log.info("%s: %s (%s)", order.verb, result, code)
        self._desk.finished(order)
        self._body.reply(order.answer(result, code, now))
