"""Serves the application inside the hub's event loop."""

from __future__ import annotations

import socket
from typing import Self

from fleet.api.app import create_app
from fleet.api.backend import Backend
from fleet.http import server
from fleet.http.middleware import LOOPBACK
from fleet.http.service import HttpService
from fleet.settings import Settings
from fleet.tokens import Tokens


class ApiServer:
    """The hub's HTTP service; `run` serves until it is cancelled.

    Raises:
        ConfigError: the table `[http_service]` is not usable.
    """

    name = "api"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._service = HttpService.of(settings)
        self._backend: Backend | None = None
        self._socket: socket.socket | None = None

    def bind(self) -> tuple[str, int]:
        """Take the address before anything else starts; (host, port) as bound.

        Raises:
            ConfigError: the address is in use or not ours.
        """
        self._socket = server.bind(self._settings.http_host, self._settings.http_port)
        host, port = self._socket.getsockname()[:2]
        return host, port

    def serve(self, backend: Backend) -> Self:
        """What `run` will serve."""
        self._backend = backend
        return self

    async def run(self) -> None:
        if self._socket is None:
            self.bind()
        if self._backend is None or self._socket is None:
            raise RuntimeError("the API runs without a backend")
        hosts = LOOPBACK | {self._settings.http_host} | self._service.hosts
        app = create_app(self._backend, Tokens(self._settings.home), hosts)
        await server.serve(app, self._socket, self._service)

    def close(self) -> None:
        """Give the address back, also where `run` was never reached."""
        if self._socket is not None:
            self._socket.close()
