"""What was asked of the broker, by packet id, until its answer comes.

One timer for all of it: 10,000 receipts at a time are published, and each would have its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import mqtt5
from aiomqtt import MqttError

from fleet.bus.connection import BROKE, SILENT, TIMEOUT

Awaited = tuple[type[mqtt5.Packet], asyncio.Future[Any], float, Callable[[], None]]
"""The kind of an answer, who waits, until when, and what follows."""


class Answers:
    """Of one connection, within a running loop."""

    def __init__(self) -> None:
        self._awaited: dict[int, Awaited] = {}
        """By packet id, in the order of asking."""
        self._last_id = 0
        self._timer: asyncio.TimerHandle | None = None

    def expect(
        self, kind: type[mqtt5.Packet], over: Callable[[], None]
    ) -> tuple[int, asyncio.Future[Any]]:
        """A free packet id, and its answer to come. Also where nobody waits any more, the id is
        taken until then; `over` follows."""
        loop = asyncio.get_running_loop()
        id_, answer, due = self._free_id(), loop.create_future(), loop.time() + TIMEOUT
        self._awaited[id_] = kind, answer, due, over
        if self._timer is None:
            self._timer = loop.call_at(due, self._end_overdue)
        return id_, answer

    def take(self, packet: Any) -> None:
        """An answer came."""
        id_: int = packet.packet_id
        awaited = self._awaited.get(id_)
        if awaited is None or type(packet) is not awaited[0]:
            return
        del self._awaited[id_]
        _, answer, _, over = awaited
        over()
        if not answer.done():
            answer.set_result(packet)

    def drop(self, id_: int) -> None:
        """It was not asked after all."""
        _, _, _, over = self._awaited.pop(id_)
        over()

    def close(self) -> None:
        """The link is lost: nothing will come."""
        if self._timer:
            self._timer.cancel()
        self._fail(BROKE, float("inf"))

    def _end_overdue(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        following = self._fail(SILENT, loop.time())
        if following is not None:
            self._timer = loop.call_at(following, self._end_overdue)

    def _fail(self, why: str, until: float) -> float | None:
        """End what is due by then; when the next is."""
        for id_, (_, answer, due, over) in list(self._awaited.items()):
            if due > until:
                return due
            del self._awaited[id_]
            over()
            if not answer.done():
                answer.set_exception(MqttError(why))
        return None

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % 65_535 + 1
            if self._last_id not in self._awaited:
                return self._last_id
