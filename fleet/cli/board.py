"""`fleet board`: what the workers of a session put there; entries are files here."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from fleet.cli import work_output
from fleet.cli.common import note, say, table, with_output, with_settings, write_json, write_jsonl
from fleet.cli.work_types import CONTEXT
from fleet.contract.errors import ConfigError
from fleet.contract.printable import printable
from fleet.contract.work_vocabulary import ENTRY_NAME_TEXT, BoardSection
from fleet.hub_client import AwayError, HubClient, HubError, UnavailableError
from fleet.settings import Settings

HEADINGS: Final = ("entry", "version", "bytes", "type", "author", "at")
with_hub = with_settings("home", "hub", "hub_token_file", "ca_file")
FOLDER: Final = click.Path(file_okay=False, path_type=Path)


@click.group()
def board() -> None:
    """Blackboards of sessions: list, read, write and export their entries."""


@board.command()
@click.argument("context", type=CONTEXT)
@with_output("table", "json", "jsonl")
@with_hub
def ls(settings: Settings, context: str, output: str) -> None:
    """The entries of a board, each in its newest version."""
    hub = HubClient.needed(settings)
    entries = _entries(hub, context)
    with hub.reading():
        if output == "json":
            write_json({"context": context, "entries": entries})
        elif output == "jsonl":
            write_jsonl(entries)
        elif entries:
            click.echo(table(HEADINGS, [_row(entry) for entry in entries]))
        else:
            note("nothing is on this board")


@board.command()
@click.argument("context", type=CONTEXT)
@click.argument("entry", metavar="SECTION/NAME")
@click.option("--version", type=click.IntRange(1), help="An earlier one; default: the newest.")
@click.option(
    "-f", "--file", type=click.Path(dir_okay=False, path_type=Path), help="A new file for it."
)
@with_hub
def get(
    settings: Settings, context: str, entry: str, version: int | None, file: Path | None
) -> None:
    """Write the content of an entry to stdout, or to a new file."""
    from fleet import hub_content

    hub = HubClient.needed(settings)
    suffix = f"?version={version}" if version else ""
    found = hub.get(f"{_address(context, entry)}{suffix}")
    with hub.reading():
        one = work_output.descriptor(found["descriptor"])
    with work_output.byte_bar("download", one.size) as bar:
        if file is not None:
            hub_content.save(hub, one, context, file, bar.moved)
        elif sys.stdout.isatty():
            _show(hub, one, context)
        else:
            hub_content.download(hub, one, context, sys.stdout.buffer, bar.moved)


@board.command()
@click.argument("context", type=CONTEXT)
@click.argument("entry", metavar="SECTION/NAME")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--over", type=click.IntRange(0), metavar="VERSION",
              help="Only if that is the newest one; 0: only if there is none.")  # fmt: skip
@with_hub
def put(settings: Settings, context: str, entry: str, file: Path, over: int | None) -> None:
    """Put FILE on a board as the next version of an entry; earlier ones stay."""
    from fleet import hub_content

    address = _address(context, entry)
    one = hub_content.describe(file)
    with work_output.byte_bar("upload", one.size) as bar:
        reach = partial(HubClient.needed, settings)
        hub_content.upload(reach, file, one, {"context": context}, bar.moved, bar.told)
    condition = {}
    if over is not None:
        condition = {"If-Match": f'"{over}"'} if over else {"If-None-Match": "*"}
    try:
        hub = reach()
        found = hub_content.put_entry(hub, address, one, condition)
    except (AwayError, UnavailableError) as error:
        remedy = f"fleet board ls {context}: whether it came; else the same again"
        raise HubError(error.what, error.why, remedy) from None
    with hub.reading():
        note(f"{entry} is at version {found['version']}")


@board.command()
@click.argument("context", type=CONTEXT)
@click.option("-d", "--directory", type=FOLDER, required=True, help="Where to, as SECTION/NAME.")
@with_hub
def export(settings: Settings, context: str, directory: Path) -> None:
    """Write the newest version of each entry to new files: DIRECTORY/SECTION/NAME."""
    from fleet import hub_content

    hub = HubClient.needed(settings)
    entries = _entries(hub, context)
    with hub.reading():
        found = [
            (BoardSection(e["section"]).value, _named(e["name"]), e["descriptor"]) for e in entries
        ]
        content = [(s, name, work_output.descriptor(one)) for s, name, one in found]
    with work_output.byte_bar("download", sum(one.size for *_, one in content)) as bar:
        for section, name, one in content:
            path = directory / section / name
            hub_content.save(hub, one, context, path, bar.moved)
            say(str(path))
    if not content:
        note("nothing is on this board")


def _entries(hub: HubClient, context: str) -> list[dict[str, Any]]:
    answer = hub.get(f"/v1/boards/{quote(context, safe='')}")
    with hub.reading():
        entries: list[dict[str, Any]] = answer["entries"]
        return entries


def _address(context: str, entry: str) -> str:
    section, slash, name = entry.partition("/")
    sections = [word.value for word in BoardSection]
    if not slash or section not in sections or not ENTRY_NAME_TEXT.fullmatch(name):
        raise ConfigError(
            f"{entry!r} is no entry of a board",
            f"it is SECTION/NAME: {', '.join(sections)} / a name of a-z, 0-9, point, _ and -",
            "final/report.md",
        )
    return f"/v1/boards/{quote(context, safe='')}/{section}/{quote(name, safe='')}"


def _named(name: str) -> str:
    """A plain file name, whatever the hub says.

    Raises:
        ValueError: it is a path.
    """
    if not ENTRY_NAME_TEXT.fullmatch(name):
        raise ValueError(name)
    return name


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    one = entry["descriptor"]
    where = f"{entry['section']}/{entry['name']}"
    return (
        where, str(entry["version"]), str(one["size"]), one["media_type"], entry["author"],
        entry["ts"],
    )  # fmt: skip


def _show(hub: HubClient, one: Any, context: str) -> None:
    """On a terminal what an agent wrote is text alone: it must not steer the terminal."""
    import io

    from fleet import hub_content

    if not one.media_type.value.startswith(("text/", "application/json")):
        raise ConfigError("this is no text for a terminal", one.media_type.value, "-f FILE")
    target = io.BytesIO()
    hub_content.download(hub, one, context, target, lambda _more: None)
    for line in target.getvalue().decode(errors="replace").split("\n"):
        click.echo(printable(line))
