"""`fleet store`: the store of a home moved into PostgreSQL, or back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

import click

from fleet.cli.common import note, table, with_output, write_json
from fleet.settings import FILE_NAME, Settings, load

if TYPE_CHECKING:
    from fleet.store.move import Move, Moved

HERE: Final = "home"
"""The word for the store in FLEET_HOME."""

Tell = Callable[[str, int, int], None]


@click.group()
def store() -> None:
    """Where the hub keeps its history, alerts and work."""


@store.command()
@click.argument("target", metavar="postgresql://…|home")
@click.option(
    "--from", "source", metavar="URL",
    help="With `home`: the database that is moved into it; FLEET_STORE if unsaid.",
)  # fmt: skip
@click.option(
    "--password-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="0600 file with the database's password; FLEET_STORE_PASSWORD_FILE if unsaid.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be moved or refused; move nothing.")
@with_output("table", "json")
def migrate(
    target: str, source: str | None, password_file: Path | None, dry_run: bool, output: str
) -> None:
    """Move all of the store of FLEET_HOME into a PostgreSQL database, or out of one into `home`.

    Stop the hub first; agents keep what they have to say. Every table is compared by its number of
    rows and a digest of them before any hub may use the copy. A move that was interrupted goes on
    when the same is said again. What was moved stays as it was, and no hub opens it any more.
    """
    if source is not None and target != HERE:
        raise click.UsageError("--from goes with `home`: into a database, it is always the home's")
    settings = load()
    with _bar(dry=dry_run) as tell:
        began = time.monotonic()
        move = _move(settings, source if target == HERE else target, password_file)
        moved = _moved(move(tell=tell, dry=dry_run), home=target == HERE)
    if output == "json":
        write_json(_described(moved))
    elif moved.tables:
        rows = [(one.name, str(one.rows), one.digest[:16]) for one in moved.tables if one.rows]
        click.echo(table(("table", "rows", "digest"), rows))
    elif moved.rows:
        found = [(name, str(rows)) for name, rows in moved.rows.items() if rows]
        click.echo(table(("table", "rows"), found))
    if dry_run and moved.rows:
        note(f"{sum(moved.rows.values())} rows would be moved; nothing was")
        return
    if moved.tables:
        rows_moved = sum(one.rows for one in moved.tables)
        note(f"{rows_moved} rows moved in {time.monotonic() - began:.0f} s, each table compared")
    else:
        note("moved before; nothing was left to do")
    _say_what_is_next(settings, target)


def _move(settings: Settings, url: str | None, password_file: Path | None) -> Callable[..., Move]:
    """
    Raises:
        ConfigError: no database is named, its address is none, or its password cannot be read.
    """
    from fleet.contract.errors import ConfigError
    from fleet.contract.secret_file import read_password
    from fleet.contract.store_url import StoreUrl
    from fleet.notifier import kept_files
    from fleet.store.move import Move
    from fleet.store.transfer.sides import KeptDocuments

    try:
        address = StoreUrl.parse(url) if url else settings.store
    except ConfigError as error:  # its own remedy is that of a setting
        remedy = "fleet store migrate postgresql://fleet@db.example.org/fleet; or home, for back"
        raise ConfigError(error.what, error.why, remedy) from None
    if address is None:
        why = "FLEET_STORE names no database"
        raise ConfigError("nothing says what to move", why, "--from postgresql://fleet@host/fleet")
    file = password_file or settings.store_password_file
    kept = KeptDocuments(
        partial(kept_files.read_all, settings.home), partial(kept_files.write_all, settings.home)
    )
    return partial(Move, settings.home, address, read_password(file) if file else None, kept)


def _moved(move: Move, *, home: bool) -> Moved:
    from fleet.store.move import into_database, into_home

    return into_home(move) if home else into_database(move)


def _described(moved: Moved) -> dict[str, Any]:
    tables = {one.name: {"rows": one.rows, "digest": one.digest} for one in moved.tables}
    return {"tables": tables or {name: {"rows": rows} for name, rows in moved.rows.items()}}


def _say_what_is_next(settings: Settings, target: str) -> None:
    file = settings.home / FILE_NAME
    if target == HERE:
        note(f"{settings.home} has the store again; no hub opens the database any more")
        note(f"Try: take `store` out of {file} and FLEET_STORE out of the environment, fleet serve")
        return
    note(f"keys, tokens, the list of agents and the content of tasks stay in {settings.home}")
    note("its store stays as it was, and no hub opens it any more")
    note(f'Try: store = "{target}" in {file}, or FLEET_STORE={quote(target)}; then fleet serve')


@contextmanager
def _bar(*, dry: bool) -> Iterator[Tell]:
    """A bar on a terminal once it takes longer than a second; elsewhere a line each ten."""
    if dry or not sys.stderr.isatty():
        yield _Lines() if not dry else lambda _what, _rows, _all: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    bars = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    began, task = time.monotonic(), bars.add_task("", total=None)

    def tell(what: str, rows: int, every: int) -> None:
        bars.update(task, description=what, total=every, advance=rows)
        if time.monotonic() - began > 1 and not bars.live.is_started:
            bars.start()

    try:
        yield tell
    finally:
        bars.stop()


class _Lines:
    """For a log."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._rows = 0

    def __call__(self, what: str, rows: int, every: int) -> None:
        self._rows += rows
        if time.monotonic() - self._last > 10:
            self._last = time.monotonic()
            note(f"{what}: {100 * self._rows // max(every, 1)} %")
