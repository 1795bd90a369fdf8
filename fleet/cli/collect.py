"""`fleet collect`: one collection of heartbeats from all, for cron, launchd and systemd."""

from __future__ import annotations

import click

from fleet.cli.common import finish, note, with_connection, with_output, write_jsonl
from fleet.contract.limits import DEFAULT_TTL
from fleet.contract.vocabulary import Priority, Verb
from fleet.settings import Settings


@click.command()
@click.option(
    "--wait",
    "patience",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Seconds to wait for replies.",
)
@with_output("table", "jsonl")
@with_connection
def collect(settings: Settings, patience: float, output: str) -> int:
    """Ask every agent for a bus heartbeat now, and print what the fleet looks like then.

    Exit 0: all answered, 2: some were silent; 3: nobody is known. Two runs never overlap.
    """
    return finish(_run(settings, patience, output))


async def _run(settings: Settings, patience: float, output: str) -> int:
    from fleet.bus.mqtt import open_bus
    from fleet.cli.status import print_page
    from fleet.commander.over_broker import CommandMessage, known_agents, send
    from fleet.contract.reader import Reader
    from fleet.domain.problems import described
    from fleet.domain.tally import EVERY
    from fleet.fleet_page import MOST, look, page_of
    from fleet.fleet_state import look as look_at_all
    from fleet.keys import load_signer
    from fleet.lock import only_one

    with only_one(settings.home / "collect.lock", "fleet collect"):
        signer = load_signer(settings.home)
        async with open_bus(settings) as bus:
            known = await known_agents(bus, settings.topics)
            command = CommandMessage(Verb.HEALTH_CHECK, tuple(known), DEFAULT_TTL, Priority.NORMAL)
            reader = Reader(settings.added_words())
            answered: set[str] = set()
            if known:
                note(f"asking {len(known)}, for up to {patience:g} s")
                async for answer in send(
                    bus,
                    settings.topics,
                    reader,
                    command,
                    expected=known,
                    patience=patience,
                    sign=signer.sign if signer else None,
                ):
                    answered.add(answer.agent)
        if output == "jsonl":  # programs are given everybody
            page = page_of(await look_at_all(settings), EVERY)
        else:
            page = await look(settings)
    if output == "jsonl":
        write_jsonl(described(view) for view in page.views)
    else:
        print_page(page, wide=False)
    silent = sorted(set(known) - answered)
    note(
        f"{len(answered)} of {len(known)} answered"
        + (f"; silent: {', '.join(silent[:MOST])}" if silent else "")
        + (f" and {len(silent) - MOST} more" if len(silent) > MOST else "")
    )
    if page.note:
        note(page.note)
    if not page.found.agents:
        return 3
    return 2 if silent else 0
