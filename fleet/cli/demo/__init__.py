"""`fleet demo`: a person's first minute."""

from __future__ import annotations

import click

from fleet.cli.common import finish


@click.command()
@click.option("--once", is_flag=True, help="End after the last step; exit 0 only if all were seen.")
def demo(once: bool) -> int:
    """Broker, hub and five agents in one go: a command, a death, a leak, a verb nobody knows.

    Uses its own ports and a temporary folder; Ctrl-C leaves nothing behind.
    """
    from fleet.cli.demo.play import play

    return finish(play(once=once))
