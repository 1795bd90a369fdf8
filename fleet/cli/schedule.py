"""`fleet schedule`: collector, check, weekly audit and backup by cron, launchd or systemd."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from fleet.cli.common import note, with_settings
from fleet.settings import SETTINGS, Settings

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT: Final = "launchd" if sys.platform == "darwin" else "systemd"


@click.group()
def schedule() -> None:
    """What runs from time to time: collect, check, audit (weekly), backup (nightly)."""


def _scheduled(function: F) -> F:
    """TASK..., and one flag a scheduler."""
    decorated: Any = with_settings(*(s.name for s in SETTINGS if s.name != "http"))(function)
    for scheduler in ("cron", "launchd", "systemd"):
        decorated = click.option(
            f"--{scheduler}", "scheduler", flag_value=scheduler, default=None,
            help=f"By {scheduler}{' (default here)' if scheduler == DEFAULT else ''}.",
        )(decorated)  # fmt: skip
    decorated = click.option(
        "--user", metavar="NAME", help="Account they run as, if root installs."
    )(decorated)
    return click.argument("wanted", metavar="[TASK...]", nargs=-1)(decorated)  # type: ignore[no-any-return]


@schedule.command("print")
@_scheduled
def print_(
    settings: Settings, wanted: tuple[str, ...], scheduler: str | None, user: str | None
) -> None:
    """Print the unit files of the TASKs (all if none is named), or lines for a crontab."""
    from agent_sidecar.schedule import Scheduler, account
    from fleet.schedule import PROGRAM, files, tasks

    chosen = Scheduler(scheduler or DEFAULT)
    runs_as = account(settings.home, user, PROGRAM) if user else ""
    ready = tasks(settings, wanted, runs_as)
    made = [item for task in ready for item in files(task, chosen).items()]
    for name, content in made:
        if len(made) > 1 and chosen is not Scheduler.CRON:
            click.echo(f"# {name}")
        click.echo(content, nl=False)


@schedule.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Only write the files, and there.",
)
@_scheduled
def install(
    settings: Settings,
    wanted: tuple[str, ...],
    scheduler: str | None,
    user: str | None,
    folder: Path | None,
) -> None:
    """Write the files where the system looks for them, and have it take them up.

    What root installs is for the whole system, and runs as --user, or as whoever owns the home;
    where that is root, it must be said.
    """
    from agent_sidecar import schedule as units
    from fleet.schedule import PROGRAM, files, tasks

    chosen = units.Scheduler(scheduler or DEFAULT)
    home = settings.home.absolute()
    runs_as = units.account(home, user, PROGRAM) if user or folder is None else ""
    for task in tasks(settings, wanted, runs_as):
        made = files(task, chosen)
        if chosen is units.Scheduler.CRON and folder is None:
            units.into_crontab(task, made["crontab"], runs_as)
            note(f"{task.name} is in the crontab")
            continue
        if chosen is units.Scheduler.CRON:
            made = {f"{task.name}.cron": made["crontab"]}
        for path in units.write(made, folder or units.folder_of(chosen)):
            note(f"wrote {path}")
        if folder is None:
            units.activate(units.activation(task, chosen))
