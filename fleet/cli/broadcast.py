"""`fleet broadcast`: announce a notice to all."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from fleet.cli.common import finish, note, with_connection
from fleet.contract.vocabulary import Notice
from fleet.settings import Settings

ANNOUNCED = (Notice.MAINTENANCE_BEGIN, Notice.MAINTENANCE_END)
"""What a person may announce; the hub says itself when it comes and goes."""


@click.command()
@click.argument("notice", type=click.Choice([notice.value for notice in ANNOUNCED]))
@with_connection
def broadcast(settings: Settings, notice: str) -> None:
    """Announce NOTICE: maintenance-begin silences the hub's alerts, maintenance-end ends that."""
    finish(announce(settings, Notice(notice)))
    note(f"{notice} is announced: {Notice(notice).meaning}")


async def announce(settings: Settings, notice: Notice) -> None:
    """Publish a notice, signed where this home has keys.

    Raises:
        BrokerError: the broker is away or refuses.
    """
    from fleet.bus.mqtt import open_bus
    from fleet.contract.timestamps import timestamp, ulid
    from fleet.keys import load_signer

    now = time.time()
    topic = settings.topics.broadcast
    message: dict[str, Any] = {"notice": notice.value, "ts": timestamp(now), "id": ulid(now)}
    signer = load_signer(settings.home)
    signed = signer.sign(topic, message) if signer else message
    async with open_bus(settings) as bus:
        await bus.publish(topic, json.dumps(signed, separators=(",", ":")).encode())
