"""`fleet config show`: every setting, and where it came from."""

from __future__ import annotations

import click

from fleet.cli.common import table, with_output, with_settings, write_json
from fleet.settings import SETTINGS, Settings


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
    click.echo(
        table(
            ("setting", "value", "origin", "meaning"),
            (
                (name, value or "none", origin, meanings[name])
                for name, (value, origin) in settings.origins.items()
            ),
        )
    )
