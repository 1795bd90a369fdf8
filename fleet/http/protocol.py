"""uvicorn's HTTP/1.1 protocol, which tells of each connection whose turn it is.

uvicorn itself only ends a connection that sends nothing after an answer; whoever sends one byte,
or nothing at all from the beginning, stays. See ADR-0003 for what other servers do.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from fleet.http.connections import Connection, Connections, peer_of
from fleet.http.patience import KEY
from fleet.http.service import HttpService


class BoundedProtocol(H11Protocol):
    """One connection, which `connections` may close."""

    def __init__(self, connections: Connections, service: HttpService, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self.app_state = {**self.app_state, KEY: self._allow_time}
        self._bounds = connections
        self._service = service
        self._connection: Connection | None = None

    def connection_made(  # type: ignore[override]  # uvicorn narrows it to a full transport, too
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        peer = "" if self._service.is_proxy(address) else peer_of(address)
        self._connection = Connection(peer, transport.abort)
        self._bounds.open(self._connection, time.monotonic())
        # What has come already is read in the next round of the loop; the peer's turn begins after
        # it, however long the rounds of a busy loop are.
        self.loop.call_soon(self.loop.call_soon, self._tell_turn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._bounds.forget(self._connection)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._tell_turn()

    def on_response_complete(self) -> None:
        if self._connection is not None:
            self._connection.work()  # the next request gets its whole time
            self._connection.allowed = 0.0
            self._connection.answered = True
        if self.conn.trailing_data[
            0
        ]:  # it asks on before it has read: nobody needs that but a flood
            self.transport.close()
        super().on_response_complete()
        self._tell_turn()

    def _allow_time(self, seconds: float) -> None:
        """For the request that is being received, from a caller that is known."""
        if self._connection is not None:
            self._connection.allowed = seconds

    def pause_writing(self) -> None:
        super().pause_writing()
        self._tell_turn()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._tell_turn()

    def _tell_turn(self) -> None:
        if self._connection is None:
            return
        now = time.monotonic()
        if self.flow.write_paused:
            self._connection.wait(now, reads=True)
        elif self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            self._connection.wait(now)
        else:
            self._connection.work()
