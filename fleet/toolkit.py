"""The toolkit's short names: each is a `fleet` command under the name that agents know."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

TOOLS: Final = {
    "bus-audit": ("audit", "run"),
    "bus-command": ("command",),
    "bus-subscribe": ("monitor",),
    "fleet-bus-health": ("check",),
    "fleet-heartbeat-collector": ("collect",),
    "fleet-monitor": ("monitor",),
}
"""Name on PATH → `fleet` command. `bus-publish` is a shell script of its own, and
`bus-command-handler` belongs to the sidecar."""


def main() -> None:
    """Run the command that this program's name stands for."""
    from fleet.__main__ import main as fleet

    name = Path(sys.argv[0]).name
    fleet(name, TOOLS[name])
