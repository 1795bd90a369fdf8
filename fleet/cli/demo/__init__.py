"""`fleet demo`: a person's first minute."""

from __future__ import annotations

import click

from fleet.cli.common import finish

ONCE = click.option(
    "--once", is_flag=True, help="End after the last step; exit 0 only if all were seen."
)


@click.group(invoke_without_command=True)
@ONCE
@click.pass_context
def demo(context: click.Context, once: bool) -> int:
    """Broker, hub and five agents in one go: a command, a death, a leak, a verb nobody knows.

    Uses its own ports and a temporary folder; Ctrl-C leaves nothing behind.
    """
    if context.invoked_subcommand is not None:
        return 0
    from fleet.cli.demo.play import play

    return finish(play(once=once))


@demo.command()
@ONCE
def swarm(once: bool) -> int:
    """Three agents share a job: one splits it, two do the parts, on one board. No model needed.

    Uses its own ports and a temporary folder; Ctrl-C leaves nothing behind.
    """
    from fleet.cli.demo.play import play
    from fleet.cli.demo.swarm import Swarm

    return finish(play(Swarm, once=once))
