"""`fleet history`: stored messages, read from the store; the hub may run or not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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
def history(
    settings: Settings,
    since: float | None,
    until: float | None,
    agent: str | None,
    kind: str | None,
    limit: int,
    cursor: str | None,
    output: str,
) -> None:
    """Stored messages, oldest first. With -o jsonl a pipe reads as far as --limit goes."""
    finish(_run(settings, since, until, agent, kind, limit, cursor, output))


async def _run(
    settings: Settings,
    since: float | None,
    until: float | None,
    agent: str | None,
    kind: str | None,
    limit: int,
    cursor: str | None,
    output: str,
) -> None:
    from fleet.store.reading import open_store

    wanted = MessageKind(kind) if kind else None
    async with open_store(settings.home) as store:
        left = limit
        while left > 0:
            try:
                page = await store.history(
                    since=since,
                    until=until,
                    agent=agent,
                    kind=wanted,
                    cursor=cursor,
                    limit=min(left, PAGE),
                )
            except ValueError:
                raise click.UsageError("that cursor is not one of ours") from None
            for stored in page.messages:
                _print(stored, output)
            left -= len(page.messages)
            cursor = page.next
            if cursor is None:
                return
    note(f"more follows: --cursor {cursor}")


def _print(stored: Stored, output: str) -> None:
    from fleet.gateway.hub_backend import described_message

    described = described_message(stored)
    if output == "jsonl":
        write_jsonl([described])
        return
    text = json.dumps(described["message"], separators=(",", ":"))
    click.echo(f"{described['ts']}  {stored.agent or '*':<20}  {stored.kind:<9}  {text}")
