"""What several commands share: options, settings, and how output is written."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, TypeVar

import click

from fleet.contract.errors import FleetError
from fleet.contract.printable import own, printable
from fleet.settings import SETTINGS, Settings, load

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

CONNECTION_FLAGS: Final = (
    "home", "hub", "hub_token_file", "broker", "password_file", "ca_file", "prefix", "manager",
    "adr",
)  # fmt: skip
STYLES: Final = {
    "ok": "green", "late": "yellow", "degraded": "yellow", "stale": "red", "offline": "red",
    "unknown": "magenta", "ghost": "magenta", "critical": "red", "warning": "yellow",
    "info": "cyan", "done": "green",
}  # fmt: skip
"""Colour by word; the word itself always stands there too."""

BOLD: Final = "\x1b[1m"
RESET: Final = "\x1b[0m"
CLEAR: Final = "\x1b[2J\x1b[1;1H"


def with_settings(*flags: str) -> Callable[[F], F]:
    """Add the flags of the named settings and pass the loaded `settings` to the command."""
    known = {setting.name: setting for setting in SETTINGS}

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            given = {name: kwargs.pop(name) for name in flags}
            return function(*args, settings=load(given), **kwargs)

        decorated: Any = wrapper
        for name in reversed(flags):
            setting = known[name]
            flag = f"--{name.replace('_', '-')}"
            decorated = click.option(flag, name, metavar="VALUE", help=setting.meaning)(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


with_connection = with_settings(*CONNECTION_FLAGS)


def with_output(*formats: str) -> Callable[[F], F]:
    """Add `-o/--output` with `formats` (the first is the default) and `--no-color`."""

    def decorate(function: F) -> F:
        function = click.option(
            "--no-color",
            is_flag=True,
            expose_value=False,
            callback=_refuse_colour,
            help="No colour, also on a terminal.",
        )(function)
        return click.option(
            "-o", "--output", type=click.Choice(formats), default=formats[0], show_default=True
        )(function)

    return decorate


def _refuse_colour(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.color = False


def paint(word: str, text: str | None = None) -> str:
    """`text` (or the word) in the colour of `word`, where colour is welcome."""
    text = printable(word if text is None else text)
    context = click.get_current_context(silent=True)
    refused = (context is not None and context.color is False) or "NO_COLOR" in os.environ
    if refused or not sys.stdout.isatty() or word not in STYLES:
        return text
    style = click.style("", fg=STYLES[word], bold=STYLES[word] == "red" or None, reset=False)
    return f"{own(style)}{text}{own(RESET)}"


def bold(text: str) -> str:
    return f"{own(BOLD)}{text}{own(RESET)}" if sys.stdout.isatty() else text


def clear_screen() -> None:
    """Where there is one."""
    if sys.stdout.isatty():
        click.echo(own(CLEAR), nl=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as aligned columns under capital headings; styled cells keep their width."""
    lines = [tuple(heading.upper() for heading in headings)]
    lines += [tuple(map(printable, row)) for row in rows]
    widths = [max(map(cell_width, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - cell_width(cell))
            for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def cell_width(cell: str) -> int:
    """Characters that are seen of it: colours take no room."""
    return len(click.unstyle(cell)) if "\x1b" in cell else len(cell)


def write_json(value: object) -> None:
    """One JSON document on stdout, indented."""
    click.echo(json.dumps(value, indent=2))


def write_jsonl(items: Iterable[object]) -> None:
    """One compact JSON document a line on stdout."""
    for item in items:
        click.echo(json.dumps(item, separators=(",", ":")))


def say(text: str) -> None:
    """One line on stdout, whatever of it came from outside."""
    click.echo(printable(text))


def note(text: str) -> None:
    """Everything that is not data goes to stderr, as one line."""
    click.echo(printable(text), err=True)


def at_terminal() -> bool:
    """Whether somebody could answer a question."""
    return sys.stdin.isatty()


def following(settings: Settings) -> str:
    """What stands before the next line to type; a home that a flag named is named in it."""
    by_flag = settings.origins.get("home", ("", ""))[1].startswith("--")
    return f"next, with FLEET_HOME={settings.home}:" if by_flag else "next:"


def say_if_no_home(settings: Settings) -> None:
    """Where nothing says which broker is meant, it is not a fleet's that does not answer."""
    from fleet.hub_client import is_no_home

    if is_no_home(settings):
        note(f"there is no home in {settings.home}. Try: fleet init, or FLEET_HOME=…")


def age(seconds: float | None) -> str:
    """A span for people: `4s`, `12m`, `3h`, `9d`; `-` would be read as offline."""
    if seconds is None:
        return "unknown"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


def ending_signals() -> list[signal.Signals]:
    """What ends a program that runs until it is told: a service manager, and a terminal that is
    closed; unless `nohup` had that ignored."""
    ending = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        ending.append(signal.SIGHUP)
    return ending


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; Ctrl-C ends it quietly. What people can mend is told also where
    it came out of a group of tasks.

    Raises:
        FleetError, OSError: the first of a group of nothing else.
    """
    import asyncio

    try:
        return asyncio.run(work)
    except ExceptionGroup as group:
        told, others = group.split((FleetError, OSError))
        if told is None or others is not None:
            raise
        raise _first(told) from None  # type: ignore[arg-type]


def _first(group: BaseExceptionGroup[FleetError | OSError]) -> FleetError | OSError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
