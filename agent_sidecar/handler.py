"""`bus-command-handler`: the toolkit's name for `agent-sidecar handle`."""

from __future__ import annotations

import sys


def main() -> None:
    """Carry out the commands that wait for this agent; `--listen` stays."""
    from agent_sidecar.__main__ import main as sidecar

    sys.argv[1:1] = ["handle"]
    sidecar()
