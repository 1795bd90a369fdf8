"""Serves the application inside the hub's event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Self

from fastapi import FastAPI

from fleet.api.app import Inside, build_routes, create_app
from fleet.api.backend import Backend
from fleet.api.forwarded import Forwarded
from fleet.api.standby import create_standby
from fleet.failover.service import FailoverService
from fleet.http import server
from fleet.http.middleware import LOOPBACK
from fleet.http.service import HttpService
from fleet.hub.leading import Leading
from fleet.provisioning.https import certificate_for
from fleet.rollouts.service import RolloutService
from fleet.settings import Settings
from fleet.store.shared import RequestOutbox
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
        self._requests: RequestOutbox | None = None
        self._inside: Sequence[Inside] = ()
        self._socket: socket.socket | None = None

    def bind(self, held: server.HeldAddress | None = None) -> tuple[str, int]:
        """Take the address before anything else starts; (host, port) as bound. `held`: by whom it
        stays taken beyond our end.

        Raises:
            ConfigError: the address is in use or not ours.
        """
        taking = held.take if held else server.bind
        self._socket = taking(self._settings.http_host, self._settings.http_port)
        host, port = self._socket.getsockname()[:2]
        return host, port

    def serve(
        self,
        backend: Backend,
        work: WorkService | None = None,
        rollouts: RolloutService | None = None,
        failover: FailoverService | None = None,
        requests: RequestOutbox | None = None,
        inside: Sequence[Inside] = (),
    ) -> Self:
        """What `run` will serve; `requests`: what hubs were asked that read beside this one;
        `inside`: as `create_app` has it."""
        self._backend, self._work = backend, work
        self._rollouts, self._failover = rollouts, failover
        self._requests, self._inside = requests, inside
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
        app = self._app(self._backend, self._inside, leads=True)
        await self._serve(app, self._socket, self._requests)

    async def read(self, backend: Backend, inside: Sequence[Inside]) -> None:
        """Serve what a hub reads beside the one that leads, until it is cancelled; the address
        stays taken."""
        if self._socket is not None:
            await self._serve(self._app(backend, inside, leads=False), self._socket.dup())

    def _app(self, backend: Backend, inside: Sequence[Inside], *, leads: bool) -> FastAPI:
        open_metrics = self._service.open_metrics
        app = create_app(
            backend,
            Tokens(self._settings.home),
            self._hosts,
            work=self._work if leads else None,
            rollouts_=self._rollouts if leads else None,
            open_metrics=open_metrics,
            inside=inside,
        )
        app.state.failover = self._failover if leads else None
        return app

    async def _serve(
        self, app: FastAPI, taken: socket.socket, requests: RequestOutbox | None = None
    ) -> None:
        secured = self.certificate
        tls = secured.context if secured else None
        serving = server.serve(app, taken, self._service, tls=tls)
        beside = [asyncio.create_task(build_routes(app), name="routes")]
        if secured:
            beside.append(asyncio.create_task(secured.run(), name="https certificate"))
        if requests is not None:
            forwarded = Forwarded(app, requests, Tokens(self._settings.home))
            beside.append(asyncio.create_task(forwarded.run(), name=forwarded.name))
        try:
            await app.state.revocations.beside(serving)
        finally:
            for task in beside:
                task.cancel()

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
