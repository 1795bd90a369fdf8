"""Serves an ASGI application in the running event loop, within bounds that no caller can pass.

Both listeners, the hub's and that of `fleet mcp --http`, are this one.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from fleet.contract.errors import ConfigError
from fleet.contract.free_port import free_port_after
from fleet.http.connections import Connections, most_connections
from fleet.http.log_limit import LogLimit
from fleet.http.protocol import BoundedProtocol
from fleet.http.service import HttpService

BACKLOG: Final = 512
"""Connections that the kernel keeps until they are accepted."""

AT_ONCE: Final = 32
"""Connections accepted before others have their turn, and before closed ones give back theirs."""

SEND_BUFFER: Final = 256 * 1024
"""Bytes of answers that the kernel keeps for a peer that does not read; by itself it takes 4 MB."""

RETRY: Final = 0.05
"""Seconds without accepting where no descriptor is left, or every connection works."""

HANDSHAKE: Final = 10.0
"""Seconds in which a peer has to finish the handshake of TLS: ten round trips of a bad link."""

HANDSHAKES: Final = 128
"""Handshakes at a time; a good one takes milliseconds, so the oldest of many is no caller's."""

Tls = Callable[[], ssl.SSLContext]

TELL: Final = 60.0
"""Seconds between two lines of the log about callers that were closed: they must not fill it."""

_log = logging.getLogger(__name__)


def bind(host: str, port: int, setting: str = "FLEET_HTTP=") -> socket.socket:
    """Take an address; `setting` is what the remedy gives another one to.

    Raises:
        ConfigError: the address is in use or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        in_use = error.errno == errno.EADDRINUSE
        free = f"{host}:{free_port_after(port, host)}" if in_use else "127.0.0.1:8088"
        remedy = f"{setting}{free}"
        why = error.strerror or ""
        raise ConfigError(f"HTTP cannot be served on {host}:{port}", why, remedy) from None
    return taken


class HeldAddress:
    """An address that stays taken while those who serve it change: each closes a socket of its own,
    and nobody else gets in between."""

    def __init__(self) -> None:
        self._taken: socket.socket | None = None

    def take(self, host: str, port: int) -> socket.socket:
        """One more on it, the caller's to close; the first takes the address.

        Raises:
            ConfigError: the address is in use or not ours.
        """
        if self._taken is None:
            self._taken = bind(host, port)
        return self._taken.dup()

    def close(self) -> None:
        """Give it back, once nobody serves it any more; twice is safe."""
        if self._taken is not None:
            self._taken.close()
            self._taken = None


async def serve(
    app: ASGIApp,
    taken: socket.socket,
    service: HttpService | None = None,
    *,
    lifespan: bool = False,
    signals: bool = False,
    tls: Tls | None = None,
) -> None:
    """Serve until cancelled; with `signals` also until SIGINT or SIGTERM.

    Args:
        taken: closed in the end, also by one that is cancelled before it serves.
        tls: what the next connection is secured with; None: plain HTTP.
        lifespan: whether the application wants to be told of start and end.
    """
    service = service or HttpService()
    config = uvicorn.Config(
        app,
        log_level="error",  # warnings tell of strangers' nonsense, a line for each
        access_log=False,  # a path may hold a name; nothing of a request is logged
        lifespan="on" if lifespan else "off",
        server_header=False,
        timeout_graceful_shutdown=2,
        ws="none",
        proxy_headers=bool(service.proxies),
        forwarded_allow_ips=list(service.proxies),
    )
    server = _Server(config, taken, service, tls, signals=signals)
    errors, limit = logging.getLogger("uvicorn.error"), LogLimit()
    errors.addFilter(limit)
    try:
        await server.serve()
    finally:
        server.close()
        errors.removeFilter(limit)


class _Server(uvicorn.Server):
    """uvicorn with our own accepting."""

    def __init__(
        self,
        config: uvicorn.Config,
        taken: socket.socket,
        service: HttpService,
        tls: Tls | None,
        *,
        signals: bool,
    ) -> None:
        super().__init__(config)
        self.servers: list[Any] = []
        self._signals = signals
        self._taken = taken
        self._tls = tls
        self._service = service
        self._most = most_connections()
        self._bounds = Connections(self._most)
        self._told = (0, 0)
        self._told_at = -TELL

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise RuntimeError("the application did not start")
        listener = _Listener(
            self._taken, self._protocol, self._is_full, self._bounds.make_room, self._tls
        )
        self.servers = [listener]
        listener.start()
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = time.monotonic()
            self._bounds.close_overdue(now)
            self._tell(now)
        return await super().on_tick(counter)

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Without `signals` the hub owns the process, and cancels us."""
        return super().capture_signals() if self._signals else nullcontext()

    def close(self) -> None:
        """Take nothing more, and end what is open: idle connections now, the others after their
        answer. uvicorn does so only where it is not cancelled, and a caller that keeps its
        connection would go on with this application while another one serves the address."""
        for listener in self.servers:
            listener.close()
        self._taken.close()  # also where it never listened: the next one takes the address at once
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def _is_full(self, now: float) -> bool:
        """Answers outlive callers that hang up: as many as there are connections may."""
        return len(self.server_state.tasks) >= 2 * self._most or self._bounds.is_full(now)

    def _protocol(self) -> BoundedProtocol:
        return BoundedProtocol(
            self._bounds,
            self._service,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    def _tell(self, now: float) -> None:
        closed = (self._bounds.late, self._bounds.crowded)
        if closed == self._told or now - self._told_at < TELL:
            return
        late, crowded = closed[0] - self._told[0], closed[1] - self._told[1]
        self._told, self._told_at = closed, now
        _log.warning("HTTP connections closed: %d too slow, %d too many", late, crowded)


class _Listener:
    """Accepts on one socket. asyncio's own logs every connection that finds no descriptor, some
    thousand times a second, and goes on trying."""

    def __init__(
        self,
        taken: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        is_full: Callable[[float], bool],
        make_room: Callable[[float], None],
        tls: Tls | None,
    ) -> None:
        self._socket = taken
        self._protocol = protocol
        self._is_full = is_full
        self._make_room = make_room
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._retry: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._socket.listen(BACKLOG)
        self._resume()

    def close(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        for task in self._tasks:  # what is not a connection yet is to become none of ours
            task.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    async def wait_closed(self) -> None:
        """For uvicorn, which waits for its listeners; `close` has done it all."""

    def _resume(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if self._is_full(time.monotonic()):
                self._pause()
                return
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor or no memory is left
                self._make_room(time.monotonic())
                self._pause()
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._take(connection), name="http connection")
            self._tasks[task] = None
            task.add_done_callback(self._forget)
            if len(self._tasks) > HANDSHAKES:  # who began first has had its time
                next(iter(self._tasks)).cancel()

    def _pause(self) -> None:
        self._loop.remove_reader(self._socket)
        self._retry = self._loop.call_later(RETRY, self._resume)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)

    async def _take(self, connection: socket.socket) -> None:
        secured: dict[str, Any] = {}
        if self._tls is not None:
            secured = {"ssl": self._tls(), "ssl_handshake_timeout": HANDSHAKE}
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, **secured)
        except OSError:  # TLS's own errors are among these
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise
