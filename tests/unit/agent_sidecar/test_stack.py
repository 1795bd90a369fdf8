"""The rooms of the sidecar are a straight stack: each imports only those below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "agent_sidecar").rglob("*.py"))

STACK = (
    ("lease", "machine_time", "parent_death"),
    ("bounded_run", "files", "inotify", "lock", "reactor", "settings", "token_bucket"),
    ("config", "one_shot", "upkeep"),
    ("hub_watch", "probes"),
    ("kinds",),
    ("pair",),
    ("state",),
    ("commands",),
    ("mqtt",),
    ("drop",),
    ("telemetry",),
    ("runner",),
    ("join", "schedule", "supervise"),
    ("work",),
    ("mcp",),
    ("check", "config_check"),
    ("daemon",),
    ("cli",),
    ("__main__",),
    ("handler",),
)
"""From the ground up: a room is a folder, or a module beside the folders."""

FLOOR = {room: floor for floor, rooms in enumerate(STACK) for room in rooms}


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT / "agent_sidecar").parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """The rooms that `path` imports, also inside functions and for types alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "agent_sidecar":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agent_sidecar."):
            yield str(node.module).split(".")[1]


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_import_leads_down(path: Path) -> None:
    here = room_of(path)
    if here == "__init__":
        return
    up = [room for room in imported(path) if room != here and FLOOR[room] >= FLOOR[here]]
    assert up == []
