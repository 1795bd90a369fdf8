"""A home as `fleet init` makes it, with its own Mosquitto under dynamic security."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fleet.provisioning import home as homes
from fleet.provisioning import mosquitto
from fleet.provisioning.connections import dynsec_of
from fleet.provisioning.enrolment import Credential, Enroller
from fleet.provisioning.mosquitto import Plan
from fleet.settings import Settings, load
from tests.support.broker import free_port
from tests.support.waiting import wait_until


class ProvisionedBroker:
    """Our production configuration on free ports of loopback."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.plan = Plan(
            self.home,
            local_port=free_port(),
            tls_port=free_port(),
            mtls_port=free_port(),
        )
        homes.create(self.plan, load({"home": str(self.home)}, {}), time.time())
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def at(cls, home: Path) -> ProvisionedBroker:
        """The broker of a home that is there."""
        broker = cls.__new__(cls)
        broker.home, broker._process = home, None
        broker.plan = mosquitto.plan_of(load({"home": str(home)}, {}))
        return broker

    @property
    def settings(self) -> Settings:
        return load({"home": str(self.home)}, {})

    @property
    def log(self) -> Path:
        return self.plan.folder / "mosquitto.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> ProvisionedBroker:
        with self.log.open("ab") as log:
            argv = [mosquitto.find_program(), "-c", str(self.plan.config_file)]
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        for port in (self.plan.local_port, self.plan.tls_port, self.plan.mtls_port):
            wait_until(lambda port=port: self._accepts(port), what="the broker's start")
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    @asynccontextmanager
    async def enroller(self) -> AsyncIterator[Enroller]:
        async with dynsec_of(self.settings) as dynsec:
            yield Enroller(self.settings, dynsec, time.time)

    async def enrol(self, *agents: str) -> dict[str, Credential]:
        async with self.enroller() as enroller:
            return {name: await enroller.add(name) for name in agents}

    def _accepts(self, port: int) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the broker ended: {self.log.read_text()[-600:]}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False
