"""`fleet restore`: put a copy of the store back."""

from __future__ import annotations

from pathlib import Path

import click

from fleet.cli.common import note, with_settings
from fleet.settings import Settings


@click.command()
@click.argument("copy", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@with_settings("home")
def restore(settings: Settings, copy: Path) -> None:
    """Make COPY, which `fleet backup` wrote, the store of this home. The hub must be stopped.

    COPY is checked first. The store that was there is kept as fleet.sqlite3.before.
    """
    from fleet.store.open import put_back

    before = put_back(settings, copy)
    note(f"{copy} is the store now" + (f"; the one before is {before}" if before else ""))
    note("Try: fleet serve")
