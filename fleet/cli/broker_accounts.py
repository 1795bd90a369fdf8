"""`fleet broker accounts`: the agents' accounts at each broker, held against the list."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import click

from fleet.cli.common import note, table, write_json
from fleet.contract.errors import FleetError
from fleet.settings import Settings

HEADINGS = ("broker", "account", "what", "mends it")


@dataclass(frozen=True, slots=True)
class Row:
    """One difference, or a broker that cannot be asked (no account)."""

    broker: str
    account: str
    what: str
    remedy: str


def compared(settings: Settings, *, repair: bool, output: str) -> int:
    """Show what is different; with `repair` mend it first. The exit code."""
    rows = [row for place in settings.at_each() for row in asyncio.run(_rows(place, repair))]
    if output == "json":
        keys = ("broker", "account", "what", "remedy")
        write_json([{key: getattr(row, key) for key in keys} for row in rows])
    elif rows:
        click.echo(table(HEADINGS, [(r.broker, r.account, r.what, r.remedy) for r in rows]))
    if not rows:
        note(f"every account is as it should be at {settings.brokers}")
    return 1 if rows else 0


async def _rows(place: Settings, repair: bool) -> list[Row]:
    from fleet.provisioning import each_broker

    broker = str(place.broker)
    try:
        found = await each_broker.gaps(place)
        left = await each_broker.mend(place, found) if repair and found else found
    except TimeoutError:
        return [Row(broker, "", "it does not answer", "fleet doctor")]
    except FleetError as error:
        why = f"{error.what}: {error.why}" if error.why else error.what
        return [Row(broker, "", why, error.remedy)]
    for gap in found:
        if gap not in left:
            note(f"mended: {gap.sentence}")
    return [
        Row(
            broker,
            gap.account,
            "missing" if gap.missing else "ended, and still in force",
            "--repair" if gap.mendable else f"fleet agent rotate {gap.agent}, and join again there",
        )
        for gap in left
    ]
