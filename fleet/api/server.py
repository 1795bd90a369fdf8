"""Serves the application inside the hub's event loop."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Self

import uvicorn

from fleet.api.app import create_app
from fleet.api.backend import Backend
from fleet.contract.errors import ConfigError
from fleet.http.middleware import LOOPBACK
from fleet.settings import Settings
from fleet.tokens import Tokens


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the hub owns the process and stops us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ApiServer:
    """The hub's HTTP service; `run` serves until it is cancelled."""

    name = "api"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._backend: Backend | None = None
        self._socket: socket.socket | None = None

    def bind(self) -> tuple[str, int]:
        """Take the address before anything else starts; (host, port) as bound.

        Raises:
            ConfigError: the address is in use or not ours.
        """
        host, port = self._settings.http_host, self._settings.http_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, port))
        except OSError as error:
            taken.close()
            in_use = error.errno == errno.EADDRINUSE
            remedy = f"FLEET_HTTP={host}:{port + 1}" if in_use else "FLEET_HTTP=127.0.0.1:8088"
            raise ConfigError(
                f"HTTP cannot be served on {host}:{port}", error.strerror or "", remedy
            ) from None
        self._socket = taken
        bound_host, bound_port = taken.getsockname()[:2]
        return bound_host, bound_port

    def serve(self, backend: Backend) -> Self:
        """What `run` will serve."""
        self._backend = backend
        return self

    async def run(self) -> None:
        if self._socket is None:
            self.bind()
        if self._backend is None:
            raise RuntimeError("the API runs without a backend")
        service = self._settings.tables.get("http_service", {})
        hosts = LOOPBACK | {self._settings.http_host} | frozenset(service.get("hosts", ()))
        app = create_app(self._backend, Tokens(self._settings.home), hosts)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # a path may hold a name; nothing of a request is logged
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=2,
            limit_concurrency=512,
        )
        await _Server(config).serve(sockets=[self._socket] if self._socket else None)

    def close(self) -> None:
        """Give the address back, also where `run` was never reached."""
        if self._socket is not None:
            self._socket.close()
