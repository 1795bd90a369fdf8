"""`fleet backup`: a consistent copy of the store, also while the hub serves."""

from __future__ import annotations

import time
from pathlib import Path

import click

from fleet.cli.common import note, with_settings
from fleet.contract.trusted_path import make_folder
from fleet.settings import Settings


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="TARGET is a folder: add a copy named by the time, remove all but the newest N.",
)
@with_settings("home")
def backup(settings: Settings, target: Path, keep: int | None) -> None:
    """Copy the store to TARGET (0600), whole or not at all."""
    from fleet.store.open import back_up

    path = target
    if keep:
        make_folder(target)
        path = target / f"fleet-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
    back_up(settings, path)
    note(f"{path} holds {path.stat().st_size} bytes")
    for old in sorted(target.glob("fleet-*Z.db"))[:-keep] if keep else ():
        old.unlink()
