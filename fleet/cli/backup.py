"""`fleet backup`: a consistent copy of the store, also while the hub serves."""

from __future__ import annotations

from pathlib import Path

import click

from fleet.cli.common import finish, note, with_settings
from fleet.settings import Settings


@click.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@with_settings("home")
def backup(settings: Settings, target: Path) -> None:
    """Copy the store to TARGET (0600), whole or not at all."""
    finish(_run(settings, target))
    note(f"{target} holds {target.stat().st_size} bytes")


async def _run(settings: Settings, target: Path) -> None:
    from fleet.store.reading import open_store

    async with open_store(settings.home) as store:
        await store.backup(target)
