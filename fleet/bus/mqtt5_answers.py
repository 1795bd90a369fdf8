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


class Answers:
    """Of one connection, within a running loop."""

    def __init__(self) -> None:
        self._awaited: dict[int, tuple[type[mqtt5.Packet], asyncio.Future[Any], float]] = {}
        """By packet id in the order of asking: the kind of the answer, who waits, until when."""
        self._last_id = 0
        self._timer: asyncio.TimerHandle | None = None

    def expect(
        self, kind: type[mqtt5.Packet], over: Callable[[], None]
    ) -> tuple[int, asyncio.Future[Any]]:
        """A free packet id, and its answer to come. Also where nobody waits any more, the id is
        taken until then; `over` follows."""
        loop = asyncio.get_running_loop()
        id_, due = self._free_id(), loop.time() + TIMEOUT

        def end(answer: asyncio.Future[Any]) -> None:
            if answer.cancelled():
                await_it()
                return
            del self._awaited[id_]
            over()
            answer.exception()  # nobody else may ask for it

        def await_it() -> asyncio.Future[Any]:
            answer = loop.create_future()
            answer.add_done_callback(end)
            self._awaited[id_] = kind, answer, due
            return answer

        if self._timer is None:
            self._timer = loop.call_at(due, self._end_overdue)
        return id_, await_it()

    def take(self, packet: Any) -> None:
        """An answer came."""
        kind, answer, _ = self._awaited.get(packet.packet_id, (None, None, 0.0))
        if answer and type(packet) is kind and not answer.done():
            answer.set_result(packet)

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
        for _, answer, due in self._awaited.values():
            if due > until:
                return due
            if not answer.done():
                answer.set_exception(MqttError(why))
        return None

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % 65_535 + 1
            if self._last_id not in self._awaited:
                return self._last_id
