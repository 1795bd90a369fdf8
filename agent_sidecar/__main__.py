"""`agent-sidecar` and `python -m agent_sidecar`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; every error a person can mend is two lines and exit code 3."""
    if sys.argv[1:] == ["--version"]:
        from fleet import __version__

        sys.stdout.write(f"agent-sidecar {__version__}\n")
        return
    from fleet.contract.printable import guard_output

    guard_output()
    if sys.argv[1:] == ["run"]:  # as services call it: saves the memory that click would hold
        sys.exit(_run())
    from agent_sidecar.cli import start

    sys.exit(start(sys.argv[1:]))


def _run() -> int:
    from agent_sidecar.mqtt.lean_imports import import_paho

    import_paho()  # before anything else loads what it leaves out
    from agent_sidecar.config import load
    from agent_sidecar.daemon import run_daemon
    from fleet.contract.errors import FleetError

    try:
        run_daemon(load())
    except FleetError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
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
