"""How tasks and boards are shown: ids, states and sizes; a bar where somebody looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fleet.cli.common import age, note, paint
from fleet.contract.printable import printable
from fleet.contract.timestamps import epoch
from fleet.contract.work_vocabulary import FINAL, MediaType, TaskState
from fleet.domain.work.task import Descriptor

if TYPE_CHECKING:
    from rich.console import Console

HEADINGS: Final = ("task", "kind", "state", "agent", "progress", "attempt", "age")
COLOURS: Final = {
    "completed": "ok", "working": "info", "failed": "critical", "lost": "critical",
    "timed-out": "critical", "rejected": "critical", "auth-required": "warning",
    "input-required": "warning", "canceled": "warning",
}  # fmt: skip
"""State → the word whose colour it has."""

FINAL_WORDS: Final = frozenset(state.value for state in FINAL)


def state_word(task: dict[str, Any]) -> str:
    """The state in its colour, with why where that is said."""
    word = task["state"] if not task["reason"] else f"{task['state']} ({task['reason']})"
    if task["cancel"] and task["state"] not in FINAL_WORDS:
        word += ", cancel asked"
    return paint(COLOURS.get(task["state"], "unknown-colour"), word)


def row(task: dict[str, Any]) -> tuple[str, ...]:
    """A line of the list."""
    agent = task["holder"] or task["to"] or f"any of {task['group']}"
    created = epoch(task["created"])
    return (
        task["id"],
        task["kind"],
        state_word(task),
        agent,
        f"{task['progress']}%",
        f"{task['attempt']}/{task['max_attempts']}",
        age(time.time() - created),
    )


def detail(task: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(what, value) of one task."""
    yield "state", state_word(task)
    yield "kind", task["kind"]
    yield "group", task["group"]
    yield "by", task["by"]
    yield "for", task["to"] or "whoever can"
    if task["holder"] and task["state"] != TaskState.WORKING:
        yield "last held", f"by {task['holder']}"
    elif task["holder"]:
        yield "held by", f"{task['holder']} until {task['lease_until'] or 'its lease is over'}"
    yield "progress", f"{task['progress']}%, attempt {task['attempt']} of {task['max_attempts']}"
    yield "priority", task["priority"]
    yield "context", task["context"]
    for name in ("parent", "created", "started", "ended"):
        if task[name]:
            yield name, task[name]
    if task["after"]:
        yield "after", " ".join(task["after"])
    for name in ("input", "output"):
        for one in task[name]:
            yield name, f"{one['digest']} {one['size']} bytes {one['media_type']}"


def descriptor(found: dict[str, Any]) -> Descriptor:
    """
    Raises:
        KeyError, ValueError: it is none.
    """
    return Descriptor(found["digest"], int(found["size"]), MediaType(found["media_type"]))


class ByteBar(NamedTuple):
    """What moves a bar by so many bytes, and what tells a line beside it."""

    moved: Callable[[int], None]
    told: Callable[[str], None]


class TaskBar(NamedTuple):
    """What shows a task as it is now, and what tells a line beside its bar."""

    show: Callable[[dict[str, Any]], None]
    told: Callable[[str], None]


@contextmanager
def byte_bar(what: str, total: int) -> Iterator[ByteBar]:
    """A bar of bytes on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield ByteBar(lambda _more: None, note)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(*columns, TransferSpeedColumn(), console=console, transient=True) as bars:
        bar = bars.add_task(what, total=total)
        yield ByteBar(lambda more: bars.advance(bar, more), partial(_tell, console))


@contextmanager
def task_bar(task_id: str) -> Iterator[TaskBar]:
    """A bar of a task's progress on stderr where that is a terminal, else a line a change."""
    if not sys.stderr.isatty():
        yield TaskBar(_Lines().show, note)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        bar = bars.add_task(task_id, total=100)

        def show(task: dict[str, Any]) -> None:
            done = 100 if task["state"] == "completed" else task["progress"]
            words = f"{task['kind']} {task['state']} {task['holder'] or ''}".rstrip()
            bars.update(bar, completed=done, description=words)

        yield TaskBar(show, partial(_tell, console))


def _tell(console: Console, text: str) -> None:
    """Above the bar that the console draws: what else is written gets into it."""
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


class _Lines:
    """For a log: what changed, once."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, task: dict[str, Any]) -> None:
        by = f" by {task['holder']}" if task["holder"] else ""
        line = f"{task['id']} {task['state']}{by} {task['progress']}%"
        if line != self._last:
            note(line)
            self._last = line
