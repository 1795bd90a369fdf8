"""`fleet completion`: what a shell needs to complete commands, options and names of agents."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from fleet.cli.common import note

VARIABLE: Final = "_FLEET_COMPLETE"
"""Asks `fleet` for completions instead of running it; click's own convention."""

WHERE: Final = {
    "bash": "fleet completion bash > ~/.local/share/bash-completion/completions/fleet",
    "zsh": "fleet completion zsh > DIR/_fleet, with DIR in fpath, before compinit",
    "fish": "fleet completion fish > ~/.config/fish/completions/fleet.fish",
}


@click.command()
@click.argument("shell", type=click.Choice([*WHERE]))
def completion(shell: str) -> None:
    """Print the completion of SHELL: commands, options, words, and the names of agents.

    Names come from the hub of this home, or the one that FLEET_HUB names; where none answers, from
    who is enrolled here.
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click has these three
    root = click.get_current_context().find_root()
    click.echo(made(root.command, {}, "fleet", VARIABLE).source())
    note(f"to keep it: {WHERE[shell]}")
