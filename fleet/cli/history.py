"""`fleet history`: stored messages or their hourly sums, read from the store; no hub is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from fleet.cli.common import finish, note, with_output, with_settings, write_jsonl
from fleet.cli.time_types import Moment
from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import MessageKind
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.contract.reader import Reader
    from fleet.store.port import StoreReader
    from fleet.store.records import Rollup, StoredMessage

PAGE = 500


@click.command()
@click.option("--since", type=Moment(), help="A time, or a span back: 6h, 2d.")
@click.option("--until", type=Moment(), help="A time, or a span back.")
@click.option("-a", "--agent", help="Only this agent.")
@click.option("-k", "--kind", type=click.Choice([kind.value for kind in MessageKind]))
@click.option("--hourly", is_flag=True, help="Sums of each agent's hours, kept for a year.")
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--cursor", help="Go on where an earlier page ended.")
@with_output("text", "jsonl")
@with_settings("home")
def history(settings: Settings, hourly: bool, limit: int, output: str, **wanted: Any) -> None:
    """The newest stored messages, oldest of them first, a line each; -o jsonl shows them whole.

    With --cursor they are read from there on, page by page; --cursor 0 begins with the oldest.
    With --hourly: heartbeats, those not ok, statuses, alerts, and the least, greatest and last
    value of each metric. The hour that runs is not among them.
    """
    kind = wanted.pop("kind")
    if hourly and kind:
        raise click.UsageError("--hourly sums up all kinds: leave --kind out")
    if kind:
        wanted["kind"] = MessageKind(kind)
    finish(_run(settings, wanted, limit, output, hourly=hourly))


async def _run(
    settings: Settings, wanted: dict[str, Any], limit: int, output: str, *, hourly: bool
) -> None:
    from fleet.contract.reader import Reader
    from fleet.store.open import read_only

    reader = Reader(settings.added_words())
    show: Callable[[Any, str], None] = _print_hour if hourly else partial(_print, reader)
    async with read_only(settings) as store:
        if not hourly and wanted["cursor"] is None:
            asked = {name: value for name, value in wanted.items() if name != "cursor"}
            newest = await store.newest(**asked, limit=limit)
            for message in newest:
                show(message, output)
            if len(newest) == limit:
                note(f"these are the newest {limit}: -n for more, --cursor 0 for all")
            return
        while limit > 0:
            try:
                found, wanted["cursor"] = await _page(
                    store, hourly=hourly, limit=min(limit, PAGE), **wanted
                )
            except ValueError:
                raise click.UsageError("that cursor is not one of ours") from None
            for item in found:
                show(item, output)
            limit -= len(found)
            if wanted["cursor"] is None:
                return
    note(f"more follows: --cursor {wanted['cursor']}")


async def _page(
    store: StoreReader, *, hourly: bool, **wanted: Any
) -> tuple[Sequence[Any], str | None]:
    if hourly:
        hours = await store.rollups(**wanted)
        return hours.rollups, hours.next
    page = await store.history(**wanted)
    return page.messages, page.next


def _print(reader: Reader, stored: StoredMessage, output: str) -> None:
    from fleet.cli.message_line import describe
    from fleet.store.records import described_message

    described = described_message(stored)
    if output == "jsonl":
        write_jsonl([described])
        return
    try:
        text = describe(reader.read(stored.kind, stored.payload))
    except Rejected:  # stored under an amendment that is no longer in force
        text = json.dumps(described["message"], separators=(",", ":"))
    click.echo(f"{described['ts']}  {stored.agent or '*':<20}  {stored.kind:<9}  {text}")


def _print_hour(rollup: Rollup, output: str) -> None:
    described = rollup.as_dict()
    if output == "jsonl":
        write_jsonl([described])
        return
    metrics = (f"{n}={low:g}..{high:g}" for n, (low, high, _) in rollup.metrics.items())
    counts = f"{rollup.beats} beats, {rollup.failing} not ok, {rollup.statuses} statuses"
    click.echo(
        f"{described['hour'][:16]}Z  {rollup.agent:<20}  {counts}, {rollup.alerts} alerts"
        f"  {' '.join(metrics)}".rstrip()
    )
