"""Makes docs/performance.md from benchmarks/results: `python scripts/docs/performance.py`.

Each file there is the JSON that a benchmark (`sh scripts/bench.sh`) or `sh scripts/chaos.sh
--json FILE` wrote; with `--add FILE ...` findings of chaos are merged into what is there first,
scenario by scenario. With `--from FOLDER` the page is printed instead, from results elsewhere.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.besides import BESIDES  # noqa: E402  # a script finds its house first
from benchmarks.goals import GOALS, PROOFS  # noqa: E402

RESULTS: Final = ROOT / "benchmarks/results"
PAGE: Final = ROOT / "docs/performance.md"
CHAOS: Final = "chaos"

INTRO: Final = """# Performance and faults, as measured

Made by `python scripts/docs/performance.py` from `benchmarks/results/`; do not edit.
Numbers belong to the machine that made them, since generator, broker and hub share its cores. Read
them as ratios, and make your own: `sh scripts/bench.sh` (25 minutes), or one with its command.
"""

GOALS_ABOVE: Final = """## Goals

What this project set out to reach, before it was measured.
"""

BESIDES_ABOVE: Final = """## Beside others

The same work, in the same run, on the same machine. "behind" means that the other is better.
"""

COLUMNS: Final = {
    "agents": "agents",
    "connect": "all connected, s",
    "snapshot": "first full snapshot after hub start, s",
    "answered": "broadcast answered by all, s",
    "answers_stored": "every answer stored, s",
    "ingest": "ingest of a burst, messages/s",
    "burst_hub_cpu": "its CPU seconds: hub",
    "burst_broker_cpu": "broker",
    "burst_agents_cpu": "simulated agents",
    "beats": "steady, messages/s",
    "hub_cpu": "hub CPU, % of a core",
    "broker_cpu": "broker CPU, %",
    "hub_mib": "hub, MiB",
    "broker_mib": "broker, MiB",
    "well": "shown ok at the end",
}

FLEET_BELOW: Final = """Steady is a beat every 10 s from everyone, 60 times the default rhythm,
while a tenth of the agents flap. The burst is 20,000 messages whatever the number of agents, and
hub, broker and simulated agents share the machine's cores. {grew} The broker and the agents pay
for connections, with less in each read and write. The hub has one connection whatever the number
(`python -m benchmarks intake_mixed`: as much CPU a message from 1,000 links as from one); it pays
for agents, with fewer messages of each: a look at the account of each before its heartbeats are let
in without one, its rows in the store's indices, and memory that is cold.
"""

FAULTS: Final = {
    "name": "#",
    "fault": "Fault",
    "must_hold": "Must hold",
    "seen": "Seen",
    "verdict": "Verdict",
    "run": "Run",
}

COURSES_ABOVE: Final = """## Forecasts on made courses

Of each course: how often somebody is woken for nothing; of one that ends, by how many days before
its end the alarm comes, at the least; `-`: not before. Both over all noises of the run. The courses
are made (`benchmarks/courses.py`) after what operators report of real disks; they are nobody's
data, and the rule was made with such courses in mind. `predict_linear` is computed as Prometheus
does (a test holds values and alarms to a real one), four hours ahead of one hour and a day ahead of
six, on a sample each five minutes; so it can tell of an end a day before at best. The floor is 20 %
free, as ours.
"""

NOT_YET: Final = "not measured"

Results = Mapping[str, dict[str, Any]]


def main() -> int:
    if sys.argv[1:2] == ["--from"]:
        print(page(read(Path(sys.argv[2]))))
        return 0
    if sys.argv[1:2] == ["--add"]:
        merge([Path(name) for name in sys.argv[2:]])
    PAGE.write_text(page(read(RESULTS)))
    return 0


def read(folder: Path) -> Results:
    """Benchmark → what it printed."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}


def page(results: Results) -> str:
    """The whole page."""
    parts = [INTRO, GOALS_ABOVE, goals(results), BESIDES_ABOVE, besides(results)]
    if fleet := results.get("fleet_sim"):
        parts += ["## A whole fleet on one machine\n", table(fleet["rows"], COLUMNS)]
        parts.append(FLEET_BELOW.format(grew=whose_cpu(fleet["rows"])))
    if forecast := results.get("forecast"):
        rows = courses(forecast["rows"])
        parts += [COURSES_ABOVE, table(rows, {name: name for name in rows[0]})]
    if chaos := results.get(CHAOS):
        parts += [f"## Faults\n\n`{chaos['command']}`, {chaos['machine']}\n"]
        parts += [table(map(fault, chaos["scenarios"]), FAULTS)]
    return "\n".join([*parts, "## Runs\n", runs(results)])


def courses(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A line a course, the worst of all noises."""
    names = [name for name in rows[0] if name not in ("course", "noise")]
    found = []
    for course in dict.fromkeys(row["course"] for row in rows):
        runs = [row for row in rows if row["course"] == course]
        found.append({"course": course} | {n: outcome([r[n] for r in runs]) for n in names})
    return found


def outcome(runs: Sequence[Mapping[str, Any]]) -> str:
    """Of one rule on one course."""
    false = sum(run["false"] for run in runs)
    if "lead_days" not in runs[0]:
        return f"{false} false"
    leads = [run["lead_days"] for run in runs]
    lead = "-" if None in leads else f"{min(leads):.1f} d before"
    return f"{lead}, {false} false" if false else lead


def goals(results: Results) -> str:
    """Every goal with its verdict, and a sentence for each that is missed."""
    rows, missed = [], []
    for goal in GOALS:
        value = goal.measured(results)
        met = value is not None and goal.met(value)
        if value is not None and not met:
            lowest = goal.lowest(results)
            floor = f"; floor {number(lowest)}" if lowest is not None else ""
            missed.append(f"- **{goal.what}** ({goal.text}): {number(value)}{floor}. {goal.reason}")
        rows.append(
            {
                "Issue": goal.issue,
                "What": goal.what,
                "Goal": goal.text,
                "Measured": "-" if value is None else number(value),
                "Verdict": "met" if met else "**missed**" if value is not None else NOT_YET,
                "By": f"[{goal.name}](#runs)",
            }
        )
    rows += [
        {
            "Issue": proof.issue,
            "What": proof.what,
            "Goal": proof.goal,
            "Measured": "-",
            "Verdict": "held by a test",
            "By": f"`{proof.test}`",
        }
        for proof in PROOFS
    ]
    rows.sort(key=lambda one: one["Issue"])
    why = ["", "### Missed, and why", "", *missed, ""] if missed else []
    return "\n".join([table(rows, {name: name for name in rows[0]}), *why])


def besides(results: Results) -> str:
    """Ours and theirs, and a sentence for each that is better."""
    rows, behind = [], []
    for one in BESIDES:
        found = results.get(one.name)
        ours = one.ours(found) if found else None
        for peer, reading in one.theirs.items():
            try:
                theirs = reading(found)
            except (KeyError, TypeError):
                theirs = None
            verdict = NOT_YET if ours is None else "not installed"
            if ours is not None and theirs is not None:
                ahead = ours >= theirs if one.more_is_better else ours <= theirs
                verdict = ("ahead" if ahead else "**behind**") + times(ours, theirs)
                if not ahead:
                    behind.append(f"- **{one.what}**, {peer}: {one.lost.get(peer, '')}".rstrip())
            rows.append(
                {
                    "What": f"{one.what}, {one.unit}",
                    "Ours": number(ours),
                    "Other": peer,
                    "Theirs": number(theirs),
                    "Verdict": verdict,
                    "By": f"[{one.name}](#runs)",
                }
            )
    why = ["", "### Where we are behind, and why", "", *behind, ""] if behind else []
    return "\n".join([table(rows, {name: name for name in rows[0]}), *why])


def times(ours: float, theirs: float) -> str:
    """By how much, where a ratio says something."""
    low, high = sorted((ours, theirs))
    return f", {number(round(high / low, 1))} times" if low > 0 else ""


def fault(scenario: dict[str, Any]) -> dict[str, Any]:
    """A row of the table of faults, with when and on which commit it ran."""
    words = (scenario.get("date", "")[:10], scenario.get("commit"), scenario.get("form"))
    return {**scenario, "run": ", ".join(word for word in words if word)}


def runs(results: Results) -> str:
    """When, where and how each number was made."""
    columns = {"name": "Name", "date": "Date", "commit": "Commit", "command": "Command"}
    rows = [
        {"name": name, "date": one["date"], "commit": one.get("commit", ""),
         "command": f"`{one['command']}`", "machine": one["machine"]}
        for name, one in results.items()
    ]  # fmt: skip
    return table(rows, {**columns, "machine": "Machine"})


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Rows as Markdown."""
    lines = ["| " + " | ".join(columns.values()) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(cell(row[name]) for name in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int | float) else str(value)
    return text.replace("|", "\\|")


def number(value: float | None) -> str:
    """Four digits are more than such a number is worth."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def whose_cpu(rows: list[dict[str, Any]]) -> str:
    """Who pays for what the burst costs more with most agents than with fewest."""
    few, many = rows[0], rows[-1]
    who = {"the hub": "hub", "the broker": "broker", "the simulated agents": "agents"}
    keys = {name: f"burst_{key}_cpu" for name, key in who.items()}
    more = {name: many[key] - few[key] for name, key in keys.items()}
    total, before = sum(more.values()), sum(few[key] for key in keys.values())
    parts = [f"{name} for {100 * one / total:.0f} %" for name, one in more.items()]
    return (
        f"It takes {before:.2f} CPU seconds of all three with {few['agents']:,} agents, and"
        f" {total:.2f} more with {many['agents']:,}: {', '.join(parts)}."
    )


def merge(files: list[Path]) -> None:
    """Put findings of chaos in what is kept."""
    path = RESULTS / f"{CHAOS}.json"
    found = json.loads(path.read_text()) if path.exists() else {"scenarios": []}
    for file in files:
        found = merged(found, json.loads(file.read_text()))
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def merged(found: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Newer findings take the place of older ones of the same scenario; but a slice does not take
    that of a whole run, nor does a run that was skipped."""
    kept = {one["name"]: one for one in found["scenarios"]}
    fresh = {
        one["name"]: one
        for one in new["scenarios"]
        if one["name"] not in kept or (one["form"] == "whole" and one["verdict"] != "skipped")
    }
    if not fresh:
        return found
    scenarios = sorted((kept | fresh).values(), key=lambda one: int(one["name"][1:]))
    return {**new, "scenarios": scenarios}


if __name__ == "__main__":
    sys.exit(main())
