"""Connections of the provisioning side: as the admin, as the hub, as an agent on trial."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.mqtt import MqttBus
from fleet.bus.own_broker import witness_of
from fleet.bus.port import Will
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_password
from fleet.contract.timestamps import ulid
from fleet.provisioning.dynsec import Dynsec
from fleet.provisioning.mosquitto import plan_of
from fleet.provisioning.names import admin_account
from fleet.settings import Settings


def connection_as(
    settings: Settings,
    account: str,
    password: str | None,
    client_id: str | None = None,
    will: Will | None = None,
) -> ConnectOptions:
    """A connection by `account`; without `client_id` a name nobody else has."""
    return ConnectOptions(
        replace(settings.broker, user=account),
        client_id or f"{account}-{ulid(time.time())[10:].lower()}",
        password=password,
        ca_file=settings.ca_file,
        will=will,
        witness=witness_of(settings),
    )


@asynccontextmanager
async def dynsec_of(
    settings: Settings, *, account: str | None = None, password_file: Path | None = None
) -> AsyncIterator[Dynsec]:
    """The broker's dynamic security, by the admin account of this home or by another.

    Raises:
        ConfigError: the account's password is not here, or not for this broker.
        BrokerError: the broker cannot be reached or refuses.
    """
    if not settings.broker_kind.has_enrolment:
        raise ConfigError(
            "fleet makes and ends no accounts at this broker",
            f"broker_kind is {settings.broker_kind}: {settings.broker_kind.meaning}",
            "do it there; fleet agent add NAME prints what the account needs",
        )
    if password_file is None:
        settings.refuse_strangers()
    path = password_file or plan_of(settings).admin_password
    if not path.exists():
        raise ConfigError(
            f"there is no {path}",
            "accounts are made from the hub's home",
            "fleet init, which asks what the broker is",
        )
    user = account or admin_account(settings.topics)
    options = connection_as(settings, user, read_password(path))
    async with MqttBus(options) as bus, Dynsec(bus) as dynsec:
        yield dynsec
