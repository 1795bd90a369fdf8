"""`agent-sidecar work`: work without the rest of the sidecar, until told to stop or once."""

from __future__ import annotations

import threading

from agent_sidecar.config import Config
from agent_sidecar.supervise.signals import awaited_signals
from agent_sidecar.work.beside import work_loop
from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.printable import log_to_stderr


def work(config: Config, *, once: bool) -> int:
    """Exit code 0: all that was done went well; 1: a task was not done.

    Raises:
        FleetError: something it needs is not usable.
    """
    log_to_stderr()
    loop = work_loop(config)
    if loop is None:
        remedy = "FLEET_WORK=FILE; docs/how-to/workers.md shows one"
        raise ConfigError("there is no work file", "FLEET_WORK is not set", remedy)
    failed: list[FleetError] = []

    def run() -> None:
        try:
            loop.run(once=once)
        except FleetError as error:
            failed.append(error)

    with awaited_signals() as arrived:
        # In a thread: a handler runs in this one, and may come while it holds a lock of the loop.
        thread = threading.Thread(target=run, name="work", daemon=True)
        thread.start()
        stops = {*_ENDING}
        while thread.is_alive():
            if stops & set(arrived(0.2)):
                loop.stop()
        thread.join()
    if failed:
        raise failed[0]
    return 1 if once and loop.failed else 0


_ENDING = (15, 2, 3, 1)
"""SIGTERM, SIGINT, SIGQUIT, SIGHUP: without a terminal nobody would see what it says."""
