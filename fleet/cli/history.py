"""`fleet history`: stored messages or their hourly sums; no hub is needed where the store lies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from fleet.cli.agent_names import complete_agents, known_names
from fleet.cli.common import finish, note, say, with_output, with_settings, write_jsonl
from fleet.cli.time_types import Moment
from fleet.contract.errors import closest
from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import MessageKind
from fleet.domain.folded import Run, folded
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.contract.reader import Reader
    from fleet.fleet_history import JsonObject


@click.command()
@click.option("--since", type=Moment(), help="A time, or a span back: 6h, 2d.")
@click.option("--until", type=Moment(), help="A time, or a span back.")
@click.option("-a", "--agent", help="Only this agent.", shell_complete=complete_agents)
@click.option("-k", "--kind", type=click.Choice([kind.value for kind in MessageKind]))
@click.option("--hourly", is_flag=True, help="Sums of each agent's hours, kept for a year.")
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--oldest", is_flag=True, help="From the oldest on.")
@click.option("--cursor", help="Go on where an earlier page of --oldest ended.")
@click.option("--all", "every", is_flag=True, help="Each heartbeat, also one that says the same.")
@with_output("text", "jsonl")
@with_settings("home", "hub", "hub_token_file")
def history(
    settings: Settings, hourly: bool, limit: int, oldest: bool, every: bool, output: str,
    **wanted: Any,
) -> None:  # fmt: skip
    """Stored messages, the newest first, a line each; -o jsonl shows them whole.

    On a line of its own stands what an agent says for the first time; heartbeats that say the same
    are counted there, unless --all. With --oldest the oldest comes first, and a cursor to go on
    with.

    They come from the hub of this home, or the one that FLEET_HUB names; where none serves, from
    the store that it left in this home.

    With --hourly: heartbeats, those not ok, statuses, alerts, and the least, greatest and last
    value of each metric. The hour that runs is not among them.
    """
    kind = wanted.pop("kind")
    if hourly and kind:
        raise click.UsageError("--hourly sums up all kinds: leave --kind out")
    if kind:
        wanted["kind"] = MessageKind(kind)
    if oldest and wanted["cursor"] is None:
        wanted["cursor"] = "0"
    fold = output == "text" and not every and not hourly
    finish(_run(settings, wanted, limit, output, hourly=hourly, fold=fold))


async def _run(
    settings: Settings, wanted: dict[str, Any], limit: int, output: str, *, hourly: bool, fold: bool
) -> None:
    from fleet.contract.reader import Reader
    from fleet.fleet_history import Span, open_history

    reader = Reader(settings.added_words())

    def show(items: Sequence[JsonObject], *, newest_first: bool = False) -> None:
        runs = list(folded(items)) if fold else [Run(item) for item in items]
        for run in reversed(runs) if newest_first else runs:
            if output == "jsonl":
                write_jsonl([run.message])
            elif hourly:
                _print_hour(run.message)
            else:
                _print(reader, run)

    span = Span(**wanted, limit=limit)
    async with open_history(settings) as past:
        if not hourly and span.cursor is None:
            newest = await past.newest(span)
            show(newest, newest_first=True)
            if not newest:
                await asyncio.to_thread(_say_nothing, settings, wanted)
            if len(newest) == limit:
                note(f"these are the newest {limit} messages: -n for more, --oldest for all")
            return
        ask = past.hours if hourly else past.messages
        while span.limit > 0:
            try:
                found, cursor = await ask(span)
            except ValueError:
                raise click.UsageError("that cursor is not one of ours") from None
            show(found)
            span = replace(span, cursor=cursor, limit=span.limit - len(found))
            if cursor is None:
                return
    note(f"more follows: --cursor {span.cursor}")


def _say_nothing(settings: Settings, wanted: dict[str, Any]) -> None:
    """No history is no error: whoever left has none, and at another home nobody may be known."""
    agent = wanted["agent"]
    known = known_names(str(settings.home)) if agent else []
    near = closest(agent, known) if agent and agent not in known else None
    note(
        f"nothing is stored of {agent}: {near}?" if near else "nothing is stored that was asked for"
    )


def _print(reader: Reader, run: Run) -> None:
    from fleet.cli.message_line import describe

    stored = run.message
    text = json.dumps(stored["message"], separators=(",", ":"))
    with suppress(Rejected):  # stored under an amendment that is no longer in force
        text = describe(reader.read(MessageKind(stored["kind"]), text.encode()))
    if run.same:
        text += f"  (as {run.same} before it, since {run.since[11:19]})"
    say(f"{stored['ts']}  {stored['agent'] or '*':<20}  {stored['kind']:<9}  {text}")


def _print_hour(hour: JsonObject) -> None:
    metrics = (f"{name}={m['min']:g}..{m['max']:g}" for name, m in hour["metrics"].items())
    counts = f"{hour['beats']} beats, {hour['failing']} not ok, {hour['statuses']} statuses"
    say(
        f"{hour['hour'][:16]}Z  {hour['agent']:<20}  {counts}, {hour['alerts']} alerts"
        f"  {' '.join(metrics)}".rstrip()
    )
