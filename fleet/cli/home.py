"""`fleet home check`: whether a home is whole, and what of it lies elsewhere."""

from __future__ import annotations

from dataclasses import asdict

import click

from fleet.cli.common import note, table, with_output, write_json
from fleet.settings import FILE_NAME, SETTINGS, load

HOME = next(setting for setting in SETTINGS if setting.name == "home")


@click.group()
def home() -> None:
    """The hub's home as one thing: what it consists of and what is missing."""


@home.command()
@with_output("table", "json")
@click.option("--home", metavar="VALUE", help=HOME.meaning)
def check(home: str | None, output: str) -> int:
    """Say of each part whether it is there and can be used. Exit 0: whole, and all of it would
    move; 1: not.

    Each file is opened as the hub opens it: settings, keys, lists, certificates with their keys,
    the store. Open to others, or another account's, counts as damaged.

    Files that the settings name outside the home, links, paths of this machine and settings of the
    environment do not come along with `fleet backup --home`; each is said with what to do.
    """
    from fleet.contract.errors import ConfigError
    from fleet.home.check import Finding, of_broken_settings
    from fleet.home.check import check as look

    broken: list[Finding] = []
    try:
        settings = load({"home": home})
    except ConfigError as error:
        settings, broken = of_broken_settings(home, error)
    if not settings.home.is_dir():
        raise ConfigError(f"there is no home in {settings.home}", "", "fleet init, or FLEET_HOME")
    found = [*broken, *(one for one in look(settings) if not broken or one.part != FILE_NAME)]
    if output == "json":
        write_json([asdict(one) for one in found])
    else:
        rows = [(one.part, one.state, one.meaning) for one in found]
        click.echo(table(("part", "state", "what it is"), rows))
    bad = [one for one in found if not one.good]
    for one in bad:
        note(f"{one.part} is {one.state}. Try: {one.remedy}")
    if not bad:
        note(f"{settings.home} is whole, and all of it comes along with fleet backup --home")
    return 1 if bad else 0
