"""`fleet dead-letters`: messages the contract rejected; inspect and replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fleet.cli.common import finish, note, table, with_connection, with_output, write_jsonl
from fleet.contract.errors import ConfigError
from fleet.contract.timestamps import timestamp
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.fleet_history import JsonObject
    from fleet.store.records import DeadLetter


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages the contract rejected. Their text may hold a leak: it is shown only on demand."""


@dead_letters.command("list")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--before", type=int, help="Only those with a smaller id.")
@with_output("table", "jsonl")
@with_connection
def list_(settings: Settings, limit: int, before: int | None, output: str) -> None:
    """Newest first: id, time, topic, reason, field and size; no text."""
    rows = finish(_list(settings, before, limit))
    if output == "jsonl":
        write_jsonl(rows)
    elif rows:
        click.echo(table(tuple(rows[0]), [tuple(map(str, row.values())) for row in rows]))
    else:
        note("no dead letter")


@dead_letters.command()
@click.argument("dead_letter_id", metavar="ID", type=int)
@with_connection
def show(settings: Settings, dead_letter_id: int) -> None:
    """The text of one, on a screen of yours: it may be what had to be kept off the bus.

    What would steer a terminal stands escaped; the store has the bytes as they came.
    """
    dead_letter = finish(_one(settings, dead_letter_id))
    note(f"{timestamp(dead_letter.at)} {dead_letter.reason} {dead_letter.field}".rstrip())
    click.echo(dead_letter.payload.decode(errors="backslashreplace"))


@dead_letters.command()
@click.argument("dead_letter_id", metavar="ID", type=int)
@with_connection
def replay(settings: Settings, dead_letter_id: int) -> None:
    """Judge one again, and publish it if the contract (with its amendments) now allows it."""
    finish(_replay(settings, dead_letter_id))
    note(f"dead letter {dead_letter_id} satisfies the contract now and was published")


async def _list(settings: Settings, before: int | None, limit: int) -> list[JsonObject]:
    from fleet.fleet_history import open_history

    async with open_history(settings) as past:
        return await past.dead_letters(before, limit)


async def _one(settings: Settings, dead_letter_id: int) -> DeadLetter:
    """
    Raises:
        ConfigError: there is none, or it lies on another machine, which it must not leave.
    """
    from fleet.store.open import read_only

    if settings.hub:
        raise ConfigError(
            f"the text of a dead letter stays where {settings.hub} runs",
            "it may be what had to be kept off the bus",
            f"fleet dead-letters show {dead_letter_id} there",
        )
    async with read_only(settings) as store:
        found = await store.dead_letters(before=dead_letter_id + 1, limit=1)
    if not found or found[0].id != dead_letter_id:
        raise ConfigError(
            f"there is no dead letter {dead_letter_id}", "", "fleet dead-letters list"
        )
    return found[0]


async def _replay(settings: Settings, dead_letter_id: int) -> None:
    from fleet.bus.mqtt import open_bus
    from fleet.contract.reader import Reader
    from fleet.contract.rejection import Rejected
    from fleet.contract.topics import STATES

    dead_letter = await _one(settings, dead_letter_id)
    try:
        address = settings.topics.parse(dead_letter.topic)
        Reader(settings.added_words()).read(address.kind, dead_letter.payload)
    except Rejected as rejected:
        raise ConfigError(
            f"dead letter {dead_letter_id} is still against the contract",
            str(rejected),
            "amend the contract by an accepted ADR, or leave it",
        ) from None
    if address.kind not in STATES:
        what = f"dead letter {dead_letter_id} is a {address.kind}, which is of its moment"
        raise ConfigError(what, "only what an agent says of itself is replayed")
    async with open_bus(settings) as bus:
        await bus.publish(dead_letter.topic, dead_letter.payload, retain=dead_letter.retained)
