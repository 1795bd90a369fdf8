"""`python -m tests.trials [NAME …]`: run them, print what each gave; exit 1 if one did not hold."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from tests.trials import digits, floods, paths, rights
from tests.trials.world import Finding

TRIALS: Final[dict[str, Callable[[Path], Finding | list[Finding]]]] = {
    "rights": rights.forbidden,
    "packets": rights.packets,
    "forged": rights.forged,
    "digits": digits.digits,
    "metrics": partial(floods.names_of_metrics, seconds=60),
    "agents": partial(floods.names_of_agents, count=100_000),
    "queue": partial(floods.a_queue, count=15_000),
    "unconfirmed": partial(floods.unconfirmed, seconds=20),
    "half-sent": partial(floods.half_sent, count=520, asked=60),
    "streams": partial(floods.streams, count=500),
    "drop": partial(paths.drop_directory, seconds=20),
    "http": floods.raw_http,
}


def main(names: list[str]) -> int:
    held = True
    for name in names or TRIALS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="fleet-trial-") as folder:
            found = TRIALS[name](Path(folder))
        for finding in found if isinstance(found, list) else [found]:
            held = held and finding.held
            mark = "held" if finding.held else "DID NOT HOLD"
            print(f"[{name}] {finding.threat}: {finding.tried}\n    {mark}: {finding.gave}")
        print(f"    {time.monotonic() - began:.0f} s", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
