"""`agent-sidecar` and `python -m agent_sidecar`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agent_sidecar.config import Config


def main() -> None:
    """Run the command line; every error a person can mend is two lines and exit code 3."""
    if sys.argv[1:] == ["--version"]:
        from fleet import __version__

        sys.stdout.write(f"agent-sidecar {__version__}\n")
        return
    from fleet.contract.printable import guard_output

    guard_output()
    if len(sys.argv) == 2 and (work := PLAIN.get(sys.argv[1])):
        sys.exit(_ended(work))
    from agent_sidecar.cli import start

    sys.exit(start(sys.argv[1:]))


def _run(config: Config) -> None:
    from agent_sidecar.daemon import run_daemon

    run_daemon(config)


def _beat(config: Config) -> None:
    from agent_sidecar.daemon import run_once
    from agent_sidecar.one_shot import TIMEOUT, Purpose

    run_once(config, Purpose.BEAT, TIMEOUT)


def _handle(config: Config) -> None:
    from agent_sidecar.daemon import run_once
    from agent_sidecar.one_shot import TIMEOUT, Purpose

    run_once(config, Purpose.HANDLE, TIMEOUT)


PLAIN: Final[dict[str, Callable[[Config], None]]] = {
    "run": _run,
    "beat": _beat,
    "handle": _handle,
}
"""As services and timers call it: without click, which takes memory and a tenth of a start."""


def _ended(work: Callable[[Config], None]) -> int:
    """The exit code, as `cli.start` gives it."""
    from agent_sidecar.mqtt.lean_imports import import_paho

    import_paho()  # before anything else loads what it leaves out
    from agent_sidecar.config import load
    from fleet.contract.errors import FleetError

    try:
        work(load())
    except FleetError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        from fleet.contract.disk_faults import of_disk

        told = of_disk(error)
        if told is None:
            raise
        sys.stderr.write(f"{told}\n")
        return told.exit_code
    return 0


if __name__ == "__main__":
    main()
