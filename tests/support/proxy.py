"""A TCP proxy before a real broker: cuts links, holds bytes back, or refuses MQTT 5."""

from __future__ import annotations

import asyncio
import contextlib
from enum import Enum
from types import TracebackType
from typing import Self

_PROTOCOL_LEVEL = 8
"""Index of the protocol level in a CONNECT with a one-byte remaining length."""


class Refusal(Enum):
    """How brokers without MQTT 5 answer a CONNECT that speaks it."""

    CODE_5 = bytes([0x20, 3, 0, 132, 0])
    CODE_3 = bytes([0x20, 2, 0, 1])
    HANG_UP = b""


class Proxy:
    """Forwards from its own `port` to `target`, both on loopback; an async context manager."""

    def __init__(self, target: int, refusal: Refusal | None = None) -> None:
        self.target = target
        self.port = 0
        self.refused = 0
        self.held = 0
        """Pieces that waited for `release`."""
        self._refusal = refusal
        self._server: asyncio.Server | None = None
        self._links: dict[asyncio.StreamWriter, bytes] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self, client_id: str | None = None) -> None:
        """Break the links of `client_id`, or all, without a goodbye."""
        for writer, opening in list(self._links.items()):
            if client_id is None or client_id.encode() in opening:
                writer.transport.abort()

    def hold(self) -> None:
        """Let no byte through, in either direction, until `release`."""
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._link(reader, writer)
        finally:
            self._links.pop(writer, None)
            writer.close()
            self._tasks.discard(task)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opening = await reader.read(4096)
        five = len(opening) > _PROTOCOL_LEVEL and opening[_PROTOCOL_LEVEL] == 5
        if five and self._refusal is not None:
            self.refused += 1
            writer.write(self._refusal.value)
            return
        self._links[writer] = opening
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        up_writer.write(opening)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, up_writer, writer))
                group.create_task(self._pump(up_reader, writer, up_writer))
        except* OSError:
            pass
        finally:
            up_writer.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        other: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(65_536):
            self.held += not self._flowing.is_set()
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        writer.close()
        other.close()
