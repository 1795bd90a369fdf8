"""Makes docs/performance.md from benchmarks/results: `python scripts/performance.py`.

Each file there is the JSON that `sh scripts/chaos.sh --json FILE` or a benchmark wrote; with
`--add FILE ...` findings of chaos are merged into what is there first, scenario by scenario.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks/results"
PAGE: Final = ROOT / "docs/performance.md"

INTRO: Final = """# Performance and faults, as measured

Made by `python scripts/performance.py` from `benchmarks/results/`; do not edit. Numbers belong to
the machine that made them: generator, broker and hub share its cores, and other test runs did at
the time. Read them as ratios, and make your own with the command given.
"""

COLUMNS: Final = {
    "agents": "agents",
    "connect": "all connected, s",
    "snapshot": "first full snapshot after hub start, s",
    "answered": "broadcast answered by all, s",
    "answers_stored": "every answer stored, s",
    "ingest": "ingest of a burst, messages/s",
    "beats": "steady, messages/s",
    "hub_cpu": "hub CPU, % of a core",
    "broker_cpu": "broker CPU, %",
    "hub_mib": "hub, MiB",
    "broker_mib": "broker, MiB",
    "well": "shown ok at the end",
}

MISSES: Final = """
What is not as good as it could be:

- A broadcast to 10,000 agents takes about three times what a bare generator without a hub needs
  (0.49 s). Each answer here is a status and a heartbeat, and the hub stores both and sends a
  receipt for each status on the same two cores. Storing all answers takes longer still.
- Ingest of a burst falls with the number of connections. How much of that is the hub, the broker
  or the simulated agents was not measured apart. The limit, a bare `mosquitto_sub` that only
  counts, was measured at about 56,000 messages a second from few connections.
- A steady fleet is cheap: at 60 times the default rhythm, a tenth of it flapping, 10,000 agents
  cost the hub less than half a core.
"""


def main() -> int:
    if sys.argv[1:2] == ["--add"]:
        merge([Path(name) for name in sys.argv[2:]])
    PAGE.write_text(page())
    return 0


def page() -> str:
    """The whole page."""
    parts = [INTRO]
    fleet = read("fleet_sim.json")
    if fleet:
        parts += [
            head("A whole fleet on one machine", fleet),
            table(fleet["rows"], COLUMNS),
            MISSES,
        ]
    chaos = read("chaos.json")
    if chaos:
        columns = ("name", "fault", "must_hold", "seen", "verdict")
        names = dict(zip(columns, ("#", "Fault", "Must hold", "Seen", "Verdict"), strict=True))
        parts += [head("Faults", chaos), table(chaos["scenarios"], names)]
    return "\n".join(parts)


def head(title: str, found: dict[str, Any]) -> str:
    """A heading, and where the numbers come from."""
    return f"## {title}\n\n{found['date']}, {found['machine']}: `{found['command']}`\n"


def table(rows: list[dict[str, Any]], columns: dict[str, str]) -> str:
    """Rows as Markdown."""
    lines = ["| " + " | ".join(columns.values()) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(cell(row[name]) for name in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int | float) else str(value)
    return text.replace("|", "\\|")


def read(name: str) -> dict[str, Any] | None:
    path = RESULTS / name
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def merge(files: list[Path]) -> None:
    """Newer findings take the place of older ones of the same scenario."""
    found = read("chaos.json") or {"scenarios": []}
    scenarios = {one["name"]: one for one in found["scenarios"]}
    for file in files:
        new = json.loads(file.read_text())
        scenarios |= {one["name"]: one for one in new["scenarios"]}
        found |= {name: new[name] for name in ("date", "machine", "command")}
    found["scenarios"] = sorted(scenarios.values(), key=lambda one: int(one["name"][1:]))
    (RESULTS / "chaos.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
