"""Work beside the agent: the loop as the settings want it, in a thread of its own.

Settings that are read again begin it, end it, or change what is claimed from then on, and where.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any, Final

from agent_sidecar.config import Config
from agent_sidecar.work.exchange import Address
from agent_sidecar.work.hub import OnProgress, untold
from agent_sidecar.work.hub_client import HttpHub
from agent_sidecar.work.isolation import rungs
from agent_sidecar.work.isolation.base import Rung
from agent_sidecar.work.loop import WorkLoop
from agent_sidecar.work.work_file import Isolation, WorkFile, read
from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.secret_file import read_secret

log = logging.getLogger(__name__)

PATIENCE: Final = 20.0
"""Seconds that a stop waits for the workers to end and the hub to hear of it."""


def work_file(config: Config) -> WorkFile | None:
    """What `FLEET_WORK` names; None: no work is done here.

    Raises:
        ConfigError: it, or what it needs beside it, is not usable.
    """
    path = config.path("FLEET_WORK")
    if path is None:
        return None
    found = read(path)
    _hub(config, found)
    return found


def work_loop(config: Config) -> WorkLoop | None:
    """The loop; None: no work is done here.

    Raises:
        ConfigError: the work file, or what it needs beside it, is not usable.
    """
    work = work_file(config)
    if work is None:
        return None
    return WorkLoop(_hub(config, work), work, rungs_of(config), config.state / "work")


def rungs_of(config: Config) -> dict[Isolation, Rung]:
    """Every rung, as this sidecar would use it."""
    docker = str(config.path("FLEET_DOCKER") or "/var/run/docker.sock")
    return rungs(config.state / "work", os.environ, docker)


def hub_address(config: Config, wanted_by: str, *, plain_http: bool) -> tuple[Address, Path]:
    """Where the hub is, and the file with the agent's own token.

    Raises:
        ConfigError: address or token are not usable; `wanted_by` needs them.
    """
    token_file = config.path("FLEET_TOKEN_FILE")
    if not config.text("FLEET_HUB") or token_file is None:
        missing = "FLEET_TOKEN_FILE" if config.text("FLEET_HUB") else "FLEET_HUB"
        remedy = {
            "FLEET_HUB": "FLEET_HUB=https://hub.example:8443",
            "FLEET_TOKEN_FILE": (
                "FLEET_TOKEN_FILE=FILE, with a token of fleet token create --role agent:NAME"
            ),
        }[missing]
        what = f"there is no way to the hub for {wanted_by}"
        raise ConfigError(what, f"{missing} is not set", remedy)
    ca = config.path("FLEET_CA_FILE")
    address = Address.parse(config.text("FLEET_HUB"), ca, plain_http=plain_http)
    read_secret(token_file)
    return address, token_file


def _hub(config: Config, work: WorkFile) -> HttpHub:
    """
    Raises:
        ConfigError: address or token are not usable.
    """
    return HttpHub(*hub_address(config, "FLEET_WORK", plain_http=work.plain_http))


class WorkBeside:
    """The loop in its thread, as the settings want it; nothing where `FLEET_WORK` is not set."""

    def __init__(self) -> None:
        self._loop: WorkLoop | None = None
        self._thread: threading.Thread | None = None
        self._told: OnProgress = untold

    @property
    def works(self) -> bool:
        """Whether it takes up offers."""
        return self._loop is not None

    def apply(self, config: Config) -> None:
        """Begin to claim, claim by other settings, or claim no more. A worker that runs goes on as
        it began, at the hub that gave it; without `FLEET_WORK` it is ended.

        Raises:
            ConfigError: they are not usable; all is as it was.
        """
        work = work_file(config)
        if work is None:
            if self._loop is not None:
                log.info("work ends: FLEET_WORK is not set any more")
                self._loop.stop()
                self._loop = None
        elif self._loop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.follow(_hub(config, work), work, rungs_of(config))
        else:
            self._begin(
                WorkLoop(
                    _hub(config, work), work, rungs_of(config), config.state / "work", self._tell
                )
            )

    def listen(self, told: OnProgress) -> None:
        """Have `told` hear how far each task is from now on; from any thread."""
        self._told = told

    def wake(self) -> None:
        """There may be work."""
        if self._loop is not None:
            self._loop.wake()

    def ask_to_stop(self) -> None:
        """Claim no more, and end the workers; `stop` waits for that."""
        if self._loop is not None:
            self._loop.stop()

    def stop(self) -> None:
        """End all workers. Twice is safe."""
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def _begin(self, loop: WorkLoop) -> None:
        """Run it, once the one before it has ended and left the folder to it."""
        self._loop = loop
        self._thread = threading.Thread(
            target=self._run, args=(loop, self._thread), name="work", daemon=True
        )
        self._thread.start()

    def _tell(self, *told: Any) -> None:
        self._told(*told)

    def _run(self, loop: WorkLoop, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        try:
            loop.run()
        except FleetError as error:
            log.error("no work is done: %s", error)  # noqa: TRY400 - no defect
        except OSError as error:
            log.error("no work is done: %s", error.strerror)  # noqa: TRY400 - no defect
