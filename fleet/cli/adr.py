"""`fleet adr new|check|list`: the decisions behind the contract, and a deployment's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from fleet import adr as decisions
from fleet.cli.common import note, table, with_output, with_settings, write_json
from fleet.settings import Settings


@click.group()
def adr() -> None:
    """Architecture decisions: the law of the bus. FLEET_ADR names a deployment's own folder."""


def _folder(settings: Settings, given: Path | None) -> Path:
    return given or settings.adr or Path("adr")


@adr.command()
@click.argument("title")
@click.option("--folder", type=click.Path(path_type=Path), help="Default: FLEET_ADR, else ./adr.")
@with_settings("home", "adr")
def new(settings: Settings, title: str, folder: Path | None) -> None:
    """Begin a proposed ADR called TITLE, with the next free number, and print its path."""
    click.echo(decisions.new(_folder(settings, folder), title, datetime.now(UTC).date()))


@adr.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--write", is_flag=True, help="Write the index first.")
@with_settings("home", "adr")
def check(settings: Settings, paths: tuple[Path, ...], write: bool) -> int:
    """Check ADR files, or whole folders with their index. Exit 0: sound, 1: something to mend.

    PATHS defaults to FLEET_ADR, else ./adr. A file of a deployment needs only front matter:

    \b
        ---
        status: accepted
        adds: {alert_codes: [gpu-hot], planes: [gpu]}
        ---
    """
    problems: list[decisions.Defect] = []
    checked = 0
    for path in paths or (_folder(settings, None),):
        if path.suffix == ".md":
            record = decisions.load(path)
            problems += decisions.check_record(record)
            checked += 1
            continue
        if write:
            note(f"wrote {decisions.write_index(path)}")
        problems += decisions.check(path)
        checked += len(decisions.records(path))
    for problem in problems:
        click.echo(problem)
    note(f"{checked} checked, {len(problems)} to mend")
    return 1 if problems else 0


@adr.command(name="list")
@click.option("--folder", type=click.Path(path_type=Path), help="Default: FLEET_ADR, else ./adr.")
@with_output("table", "json")
@with_settings("home", "adr")
def list_(settings: Settings, folder: Path | None, output: str) -> None:
    """The ADRs of a folder with their status and the words they add."""
    found = decisions.records(_folder(settings, folder))
    if output == "json":
        write_json([{"file": r.path.name, "title": r.title, **r.fields} for r in found])
        return
    columns = ("status", "date", "adds")
    rows = ((r.number, *(r.fields.get(name, "") for name in columns), r.title) for r in found)
    click.echo(table(("adr", *columns, "title"), rows))
