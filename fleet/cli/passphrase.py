"""A passphrase: from a 0600 file, or typed at a terminal; never in an argument list."""

from __future__ import annotations

from pathlib import Path

import click

from fleet.cli.common import at_terminal
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_password


def ask(file: Path | None, *, new: bool) -> str:
    """The first line of `file`, or what is typed; a `new` one is typed twice.

    Raises:
        ConfigError: there is neither a file nor a terminal, or nothing was given.
    """
    if file is not None:
        return read_password(file)
    if not at_terminal():
        raise ConfigError(
            "there is nobody to ask for the passphrase",
            "this is no terminal",
            "--passphrase-file FILE, of mode 0600",
        )
    text: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
    return text
