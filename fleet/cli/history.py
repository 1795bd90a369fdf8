"""`fleet history`: stored messages, read from the store; the hub may run or not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from fleet.cli.common import finish, note, with_output, with_settings, write_jsonl
from fleet.cli.spans import Moment
from fleet.contract.words import MessageKind
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.store.port import Stored

PAGE = 500


@click.command()
@click.option("--since", type=Moment(), help="A time, or a span back: 6h, 2d.")
@click.option("--until", type=Moment(), help="A time, or a span back.")
@click.option("-a", "--agent", help="Only this agent.")
@click.option("-k", "--kind", type=click.Choice([kind.value for kind in MessageKind]))
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--cursor", help="Go on where an earlier page ended.")
@with_output("text", "jsonl")
@with_settings("home")
def history(settings: Settings, limit: int, output: str, **wanted: Any) -> None:
    """Stored messages, oldest first. With -o jsonl a pipe reads as far as --limit goes."""
    if wanted["kind"]:
        wanted["kind"] = MessageKind(wanted["kind"])
    finish(_run(settings, wanted, limit, output))


async def _run(settings: Settings, wanted: dict[str, Any], limit: int, output: str) -> None:
    from fleet.store.reading import open_store

    async with open_store(settings.home) as store:
        while limit > 0:
            try:
                page = await store.history(**wanted, limit=min(limit, PAGE))
            except ValueError:
                raise click.UsageError("that cursor is not one of ours") from None
            for stored in page.messages:
                _print(stored, output)
            limit -= len(page.messages)
            wanted["cursor"] = page.next
            if page.next is None:
                return
    note(f"more follows: --cursor {wanted['cursor']}")


def _print(stored: Stored, output: str) -> None:
    from fleet.gateway.hub_backend import described_message

    described = described_message(stored)
    if output == "jsonl":
        write_jsonl([described])
        return
    text = json.dumps(described["message"], separators=(",", ":"))
    click.echo(f"{described['ts']}  {stored.agent or '*':<20}  {stored.kind:<9}  {text}")
