"""`fleet forecast`: when disks, memory, tokens and money run out, from the hub's hourly sums."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from fleet.cli.agent_names import complete_agents
from fleet.cli.common import (
    age,
    finish,
    note,
    paint,
    table,
    with_output,
    with_settings,
    write_json,
    write_jsonl,
)
from fleet.cli.wrong_calls import unknown_agent
from fleet.contract.errors import ConfigError
from fleet.contract.topics import is_agent_name
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.domain.capacity.forecast import Forecast

HEADINGS = ("of", "what", "now", "a day", "outlook", "confidence")
_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
_NUMBERS = ("", "k", "M", "G", "T", "P")


@click.command()
@click.argument("agent", required=False, shell_complete=complete_agents)
@click.option("--group", metavar="NAME", help="Only of this group: what it uses, and its members.")
@with_output("table", "json", "jsonl")
@with_settings("home", "hub", "hub_token_file")
def forecast(settings: Settings, agent: str | None, group: str | None, output: str) -> None:
    """When room, tokens and limits of AGENT, or of all agents, groups and the fleet, run out.

    From the hourly sums of up to 35 days. Disk and memory: three slopes (6 hours, a day, a week),
    each the median of all pairs of hours. Tokens, and their cost where [prices] says it: today and
    this month so far and by the end, by the median of the same weekdays; and each limit of
    [quotas]. Nothing is said before a day and 30 hours are known.
    """
    if agent is not None and group is not None:
        raise click.UsageError("name an agent or a group, not both")
    if agent is not None and not is_agent_name(agent):
        raise ConfigError(f"{agent!r} is not an agent name", "", "fleet status lists them")
    finish(_run(settings, agent, group, output))


async def _run(settings: Settings, agent: str | None, group: str | None, output: str) -> None:
    from fleet.capacity.asking import ask, known_agents
    from fleet.capacity.listing import Asked

    answer = await ask(settings, Asked(agent, group))
    found, now = answer.forecasts, time.time()
    if agent is not None and not found and agent not in (known := await known_agents(settings)):
        raise unknown_agent(agent, known)
    if output == "json":
        write_json({"forecasts": [one.as_dict() for one in found], "whole": answer.is_whole})
    elif output == "jsonl":
        write_jsonl(one.as_dict() for one in found)
    elif found:
        click.echo(table(HEADINGS, [row(one, now) for one in found]))
    if not answer.is_whole:
        note("the hub was started a moment ago and still reads the hours of the last weeks")
        note("Try: fleet forecast again in a minute")
    elif not found:
        of = f"group {group}" if group else agent or "any agent"
        note(f"no hourly sums of room or tokens of {of}")
        note("Try: fleet history --hourly; a sidecar measures them, and a full hour must be over")


def row(one: Forecast, now: float) -> tuple[str, ...]:
    """A line of the table."""
    whose = one.agent or (f"group {one.group}" if one.group else "the fleet")
    usual = "unknown" if one.per_day is None else amount(one.per_day, one.unit, sign=not one.window)
    outlook = _outlook(one, now)
    if one.severity is not None:
        outlook = paint(one.severity.value, outlook)
    return (
        whose, _what(one), amount(one.now, one.unit), usual, outlook, one.confidence.value
    )  # fmt: skip


def _what(one: Forecast) -> str:
    if one.quota:
        return f"{one.quota}: {amount(one.limit or 0.0, one.unit)} {one.metric} a {one.window}"
    when = {"day": "today", "month": "this month"}.get(one.window, one.window)
    return f"{one.metric} {when}".rstrip()


def _outlook(one: Forecast, now: float) -> str:
    left = None if one.exhausts_at is None else max(0.0, one.exhausts_at - now)
    if one.quota:
        used = f"{(one.share or 0.0) * 100:.0f} % used"
        if left is None:
            known = one.per_day is not None
            return f"{used}, {'not reached' if known else 'unknown'}"
        return f"{used}, all {f'in {age(left)}' if left else 'of it'}"
    if one.per_day is None:
        return "unknown"
    if one.window:
        return f"{amount(one.at_end or 0.0, one.unit)} by its end"
    return "not at this rate" if left is None else f"full in {age(left)}"


def amount(number: float, unit: str, *, sign: bool = False) -> str:
    """A number as people read it: three digits and a decimal unit; money to the cent."""
    prefix = "-" if number < 0 else "+" if sign else ""
    if unit not in ("bytes", "tokens"):
        return f"{prefix}{abs(number):.2f} {unit}"
    value, units = abs(number), _BYTES if unit == "bytes" else _NUMBERS
    for name in units:
        if value < 999.5 or name == units[-1]:
            break
        value /= 1000
    return f"{prefix}{value:.3g} {name}".rstrip()
