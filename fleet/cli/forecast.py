"""`fleet forecast`: when disks and memory will be full, from the hourly sums that a hub keeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

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
from fleet.contract.errors import ConfigError
from fleet.contract.topics import is_agent_name
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.domain.forecast import Forecast

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@click.command()
@click.argument("agent", required=False)
@with_output("table", "json", "jsonl")
@with_settings("home", "hub", "hub_token_file")
def forecast(settings: Settings, agent: str | None, output: str) -> None:
    """When AGENT's disk and memory, or those of all, will be full at the present rate.

    From the hourly sums of up to 35 days: three slopes (6 hours, a day, a week), each the median of
    all pairs of hours. Nothing is said before a day and 30 hours are known. `low` confidence means
    that the slopes do not agree, or that room came back from as low before, as a log's does.
    """
    if agent is not None and not is_agent_name(agent):
        raise ConfigError(f"{agent!r} is not an agent name", "", "fleet status lists them")
    finish(_run(settings, agent, output))


async def _run(settings: Settings, agent: str | None, output: str) -> None:
    from fleet.fleet_history import open_history
    from fleet.forecasts import forecasts

    now = time.time()
    async with open_history(settings) as past:
        found = await forecasts(past, agent, now)
    if output == "json":
        write_json({"forecasts": [one.as_dict() for one in found]})
    elif output == "jsonl":
        write_jsonl(one.as_dict() for one in found)
    elif found:
        headings = ("agent", "metric", "left", "change a day", "full in", "confidence")
        click.echo(table(headings, [_row(one, now) for one in found]))
    else:
        note(f"no hourly sums of room on {agent or 'any agent'}'s disk or memory")
        note("Try: fleet history --hourly; a sidecar measures them, and a full hour must be over")


def _row(one: Forecast, now: float) -> tuple[str, ...]:
    change = "unknown" if one.per_day is None else size(one.per_day, sign=True)
    left = None if one.exhausts_at is None else max(0.0, one.exhausts_at - now)
    full = "unknown" if one.per_day is None else "not at this rate" if left is None else age(left)
    if one.alerts:
        full = paint("warning", full)
    return one.agent, one.metric, size(one.now), change, full, one.confidence.value


def size(number: float, *, sign: bool = False) -> str:
    """Bytes as people read them: three digits and a decimal unit."""
    value = abs(number)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000
    prefix = "-" if number < 0 else "+" if sign else ""
    return f"{prefix}{value:.3g} {unit}"
