"""Serves the application inside the hub's event loop."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

from fleet.api.app import create_app
from fleet.api.backend import Backend
from fleet.api.standby import create_standby
from fleet.failover.service import FailoverService
from fleet.http import server
from fleet.http.middleware import LOOPBACK
from fleet.http.service import HttpService
from fleet.hub.leading import Leading
from fleet.provisioning.https import certificate_for
from fleet.rollouts.service import RolloutService
from fleet.settings import Settings
from fleet.tokens import Tokens
from fleet.work.service import WorkService


class ApiServer:
    """The hub's HTTP service; `run` serves until it is cancelled.

    Raises:
        ConfigError: the table `[http_service]` is not usable, or TLS is wanted and not to be had.
    """

    name = "api"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._service = HttpService.of(settings)
        self.certificate = certificate_for(settings, settings.http_host)
        self._backend: Backend | None = None
        self._work: WorkService | None = None
        self._failover: FailoverService | None = None
        self._rollouts: RolloutService | None = None
        self._socket: socket.socket | None = None

    def bind(self) -> tuple[str, int]:
        """Take the address before anything else starts; (host, port) as bound.

        Raises:
            ConfigError: the address is in use or not ours.
        """
        self._socket = server.bind(self._settings.http_host, self._settings.http_port)
        host, port = self._socket.getsockname()[:2]
        return host, port

    def serve(
        self,
        backend: Backend,
        work: WorkService | None = None,
        rollouts: RolloutService | None = None,
        failover: FailoverService | None = None,
    ) -> Self:
        """What `run` will serve."""
        self._backend, self._work = backend, work
        self._rollouts, self._failover = rollouts, failover
        return self

    async def stand_by(self, leading: Leading) -> None:
        """Answer that another hub leads, until it is cancelled; the address stays taken."""
        if self._socket is not None:
            app = create_standby(lambda: leading.leader, self._hosts)
            tls = self.certificate.context if self.certificate else None
            await server.serve(app, self._socket.dup(), self._service, tls=tls)

    @property
    def _hosts(self) -> frozenset[str]:
        """The names it answers to."""
        known = self.certificate.names if self.certificate else ()
        return LOOPBACK | {self._settings.http_host, *known} | self._service.hosts

    async def run(self) -> None:
        if self._socket is None:
            self.bind()
        if self._backend is None or self._socket is None:
            raise RuntimeError("the API runs without a backend")
        secured = self.certificate
        open_metrics = self._service.open_metrics
        tokens = Tokens(self._settings.home)
        app = create_app(
            self._backend,
            tokens,
            self._hosts,
            work=self._work,
            rollouts_=self._rollouts,
            open_metrics=open_metrics,
        )
        app.state.failover = self._failover
        tls = secured.context if secured else None
        serving = server.serve(app, self._socket, self._service, tls=tls)
        renewing = asyncio.create_task(secured.run(), name="https certificate") if secured else None
        try:
            await app.state.revocations.beside(serving)
        finally:
            if renewing is not None:
                renewing.cancel()

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    @property
    def ca_file(self) -> str:
        """What the command line of this machine holds the hub against; empty: it speaks no TLS."""
        return str(self.certificate.ca_file) if self.certificate else ""

    def close(self) -> None:
        """Give the address back, also where `run` was never reached."""
        if self._socket is not None:
            self._socket.close()
