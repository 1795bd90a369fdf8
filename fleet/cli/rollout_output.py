"""How rollouts are shown: the plan, a table of agents, and what failed in words of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import click

from fleet.cli.common import age, paint, say, table
from fleet.contract.timestamps import epoch
from fleet.domain.rollout.making import LeftOut
from fleet.domain.rollout.states import ExecutionState

HEADINGS: Final = ("rollout", "version", "state", "wave", "done", "failed", "left", "age")
AGENT_HEADINGS: Final = ("agent", "wave", "from", "state", "why", "since")

COLOURS: Final = {
    "committed": "ok", "completed": "ok", "running": "info", "soaking": "info",
    "installing": "info", "verifying": "info", "snapshot": "info", "precheck": "info",
    "paused": "warning", "aborted": "warning", "rejected": "warning", "timed-out": "warning",
    "rolling-back": "warning", "rolled-back": "critical", "rollback-failed": "critical",
}  # fmt: skip
"""State → the word whose colour it has."""

FAILED: Final = ("rolling-back", "rolled-back", "rollback-failed")
OPEN: Final = frozenset(
    {"precheck", "snapshot", "installing", "verifying", "soaking", "rolling-back"}
)
"""States that something follows by itself."""


def word(state: str, why: str | None = None) -> str:
    return paint(COLOURS.get(state, "unknown-colour"), f"{state} ({why})" if why else state)


def row(one: dict[str, Any]) -> tuple[str, ...]:
    """A line of the list."""
    counts = one["counts"]
    failed = sum(counts[state] for state in FAILED)
    return (
        one["id"], one["version"], word(one["state"], one["why"]), str(one["wave"]),
        f"{counts['committed']}/{sum(counts.values())}", str(failed), str(counts["queued"]),
        age(time.time() - epoch(one["created"])),
    )  # fmt: skip


def agent_rows(one: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for agent in one["agents"]:
        reached = f" while {agent['reached']}" if agent["reached"] else ""
        why = f"{agent['reason']}{reached}" if agent["reason"] else "away" if agent["away"] else ""
        since = age(time.time() - epoch(agent["since"])) if agent["since"] else ""
        yield (
            agent["agent"], str(agent["wave"]), agent["from"] or "unknown", word(agent["state"]),
            why, since,
        )  # fmt: skip


def show(one: dict[str, Any]) -> None:
    """One rollout, whole."""
    say(f"rollout {one['id']} to {one['version']}: {word(one['state'], one['why'])}")
    say(
        f"  waves {one['waves']} ({one['wave']} open), at most {one['max_unavailable']} down, "
        f"abort at {one['abort']} ({one['on_abort']}), verify {one['verify']:g} s, "
        f"soak {one['soak']:g} s, timeout {one['timeout']:g} s"
    )
    click.echo(table(AGENT_HEADINGS, agent_rows(one)))  # several lines, whose cells are guarded
    for agent, why in one.get("left_out", {}).items():
        say(f"left out: {agent}: {LeftOut(why).meaning}")
    counts = one["counts"]
    told = [f"{counts[state.value]} {state}" for state in ExecutionState if counts[state.value]]
    say(", ".join(told))
    broken = [agent["agent"] for agent in one["agents"] if agent["state"] == "rollback-failed"]
    if broken:
        text = f"ROLLBACK FAILED: look at {', '.join(broken)} now"
        say(paint("critical", text))


def is_over(one: dict[str, Any]) -> bool:
    """Whether nothing follows by itself any more."""
    ended = one["state"] in ("completed", "aborted")
    under_way = any(one["counts"][state] for state in OPEN)
    back = one["undo"] and one["counts"]["committed"]
    return ended and not under_way and not back


def is_good(one: dict[str, Any]) -> bool:
    """Whether every agent of it runs the version."""
    counts = one["counts"]
    return bool(one["state"] == "completed" and counts["committed"] == sum(counts.values()))
