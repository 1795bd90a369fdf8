"""A note beside a store that was moved elsewhere, so that no hub goes on with what is old now."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote
from typing import Final

from fleet.contract.kept_file import read_json
from fleet.contract.secret_file import write_secret
from fleet.store.port import StoreError
from fleet.store.sqlite.connection import FILE_NAME

NOTE: Final = f"{FILE_NAME}.moved"


def write_note(home: Path, to: str) -> None:
    write_secret(home / NOTE, json.dumps({"to": to}))


def moved_to(home: Path) -> str:
    """Where the store of this home is now; empty: it is still here.

    Raises:
        ConfigError: the note cannot be read.
    """
    note = home / NOTE
    remedy = f"rm {note}, if the store is in the home"
    return read_json(note, lambda found: str(found["to"]), shape="a move", remedy=remedy) or ""


def remove_note(home: Path) -> None:
    (home / NOTE).unlink(missing_ok=True)


def require_here(home: Path) -> None:
    """
    Raises:
        ConfigError: the note of a move cannot be read.
        StoreError: the store of this home was moved, and what is here has ended there.
    """
    if to := moved_to(home):
        address, _, site = to.removesuffix(")").partition(" (site ")
        there = f"FLEET_STORE={quote(address)}" + (f" FLEET_SITE={site}" if site else "")
        raise StoreError(
            f"the store of {home} was moved to {to}",
            "what is in the home has ended with that",
            f"{there}; or, to go on with the old one, rm {home / NOTE}",
        )
