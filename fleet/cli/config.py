"""`fleet config show|check`: every setting and where it came from; what is wrong, all at once."""

from __future__ import annotations

import click

from fleet.cli.common import table, with_output, with_settings, write_json
from fleet.cli.fitting import fit, terminal_width
from fleet.contract.errors import FleetError
from fleet.contract.printable import printable
from fleet.settings import SETTINGS, Settings, load


@click.group()
def config() -> None:
    """Settings, and where each came from."""


@config.command()
@with_output("table", "json")
@with_settings(*(setting.name for setting in SETTINGS))
def show(settings: Settings, output: str) -> None:
    """Every setting with its value and origin. Secrets are files; their content never shows."""
    if output == "json":
        write_json(
            {name: {"value": v, "origin": origin} for name, (v, origin) in settings.origins.items()}
        )
        return
    meanings = {setting.name: setting.meaning for setting in SETTINGS}
    rows = [
        (name, value or "none", origin, meanings[name])
        for name, (value, origin) in settings.origins.items()
    ]
    headings = ("setting", "value", "origin", "meaning")
    elastic = ("meaning", "origin", "value", "setting")
    click.echo(table(*fit(headings, rows, spare=(), elastic=elastic, width=terminal_width())))


@config.command()
@with_output("text", "json")
@click.option("--home", metavar="VALUE", help="state directory: store, keys, captures, reports")
def check(home: str | None, output: str) -> int:
    """Read everything that is configured, and tell all that is wrong. Exit 0: ok, 3: not.

    Settings, tables, routes, the files that they name, the deployment's ADRs, who is enrolled,
    tokens, keys, suppressions. Nothing is connected to and nothing is written. A variable that is
    nearly the name of a setting is a warning on stderr, and so is a window of somebody who is not
    enrolled.
    """
    import os

    from fleet.cli.config_check import problems, remarks
    from fleet.settings import slips

    for line in slips(os.environ):
        click.echo(printable(line), err=True)
    found = problems(home)
    for line in [] if found else remarks(load({"home": home})):
        click.echo(printable(line), err=True)
    if output == "json":
        write_json([{"what": e.what, "why": e.why, "try": e.remedy} for e in found])
    else:
        click.echo("\n".join(map(str, found)) or "ok")
    return FleetError.exit_code if found else 0
