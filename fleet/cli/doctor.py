"""`fleet doctor`: what is wrong here and on the broker, and what to do about it."""

from __future__ import annotations

import click

from fleet.cli.common import finish, paint, say, table, with_connection, with_output, write_json
from fleet.cli.fitting import terminal_width, wrapped
from fleet.doctor.findings import Diagnosis
from fleet.settings import Settings


@click.command()
@with_output("table", "json")
@with_connection
def doctor(settings: Settings, output: str) -> int:
    """Look at home, hub and broker; say what is wrong and what to try.

    Changes nothing. Exit 0: all is well, 1: warnings, 2: something is critical.
    """
    from fleet.doctor.findings import EXITS, worst

    findings = finish(_examine(settings))
    level = worst(findings)
    if output == "json":
        write_json({"level": level.value, "findings": [one.as_dict() for one in findings]})
    else:
        rows = [(paint(one.level.value), one.check, one.said) for one in findings]
        click.echo(table(*wrapped(("level", "check", "finding"), rows, width=terminal_width())))
        for one in findings:
            if one.remedy:
                say(f"Try ({one.check}): {one.remedy}")
    return EXITS[level]


async def _examine(settings: Settings) -> list[Diagnosis]:
    from fleet.doctor import broker, host, rights

    found = list(host.examine(settings))
    found += [finding async for finding in broker.examine(settings)]
    return [*found, *[finding async for finding in rights.examine(settings)]]
