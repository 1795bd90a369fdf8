"""`bus-command-handler`: the toolkit's name for `agent-sidecar handle`."""

from __future__ import annotations

import sys


def main() -> None:
    """Carry out the commands that wait for this agent; `--listen` stays."""
    from agent_sidecar.cli import start
    from fleet.contract.printable import guard_output

    guard_output()
    sys.exit(start(sys.argv[1:], "bus-command-handler", "handle"))
