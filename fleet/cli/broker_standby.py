"""`fleet broker config --standby`: what a second Mosquitto needs, and what to do with it."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from fleet.cli.common import note
from fleet.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

_PORT = click.IntRange(0, 65_535)


@dataclass(frozen=True, slots=True)
class Second:
    """What the options say of the second broker; None: as the first one has it."""

    names: tuple[str, ...]
    place: Path | None
    first: str | None
    local_port: int | None
    tls_port: int | None
    mtls_port: int | None

    def write(self, settings: Settings, folder: Path, user: str) -> None:
        """
        Raises:
            FleetError: the first broker is away or refuses, or something cannot be written.
        """
        from fleet.contract.broker_url import BrokerUrl
        from fleet.contract.errors import ConfigError
        from fleet.hub.machine_clock import require_credible
        from fleet.provisioning import standby
        from fleet.provisioning.connections import dynsec_of
        from fleet.provisioning.mosquitto import Plan, plan_of

        if not self.names:
            why = "its certificate, and every client, need them"
            remedy = f"fleet broker config --standby {folder} --name b.example.org"
            raise ConfigError("the second broker has no name", why, remedy)
        first = BrokerUrl.parse(self.first) if self.first else standby.first_of(settings)
        own = plan_of(settings)
        ports = {
            name: getattr(own if said is None else self, name)
            for name in ("local_port", "tls_port", "mtls_port")
            for said in (getattr(self, name),)
        }
        # Its machine is elsewhere: it listens for clients on every address.
        plan = Plan(folder, self.names, bind="0.0.0.0", **ports)  # noqa: S104
        folder = folder.absolute()
        second = standby.Standby(folder, self.place or folder, plan, first, user)
        require_credible(settings.home)

        async def work() -> list[Path]:
            async with dynsec_of(settings.at(settings.broker)) as dynsec:
                return await standby.write(settings, second, dynsec, time.time())

        for path in asyncio.run(work()):
            click.echo(path)
        config = second.place / "broker" / "mosquitto.conf"
        there = f"{self.names[0]}:{plan.tls_port}"
        note(f"carry {folder} to {self.names[0]}, as {second.place}, owned by {user}; there:")
        note(f"    mosquitto -c {config}")
        note("and in fleet.toml here, for the hub and for what agents are told:")
        note(f'    broker = "{settings.broker},{_as_client(settings, there)}"')
        note('    ca_file = "ca/ca.pem"')
        note(f'    agent_broker = "{first},mqtts://{there}"')


def _as_client(settings: Settings, there: str) -> str:
    user = f"{settings.broker.user}@" if settings.broker.user else ""
    return f"mqtts://{user}{there}"


def with_second(function: F) -> F:
    """Add the options that describe the second broker and pass the command a `second`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        second = Second(
            kwargs.pop("names"),
            kwargs.pop("place"),
            kwargs.pop("first"),
            *(kwargs.pop(f"{name}_port") for name in ("local", "tls", "mtls")),
        )
        return function(*args, second=second, **kwargs)

    decorated: Any = wrapper
    for option in (
        click.option("--mtls-port", type=_PORT, help="Of the second; 0: none."),
        click.option("--tls-port", type=_PORT, help="Of the second; default: the first's."),
        click.option("--local-port", type=_PORT, help="Of the second, on its loopback; 0: none."),
        click.option("--first", metavar="URL", help="Where the second reaches this one."),
        click.option(
            "--at", "place", metavar="PATH", type=click.Path(path_type=Path),
            help="Where DIR will lie on its machine; default: as here.",
        ),
        click.option(
            "--name", "names", multiple=True, metavar="HOST",
            help="A name or address of the second, for its certificate.",
        ),
    ):  # fmt: skip
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
