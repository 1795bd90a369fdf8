"""`fleet version`: what runs here, for a report of a fault."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Final

import click

from fleet import __version__
from fleet.cli.common import say, with_output, with_settings, write_json
from fleet.contract.errors import FleetError
from fleet.settings import Settings

PARTS: Final = ("aiomqtt", "click", "fastapi", "paho-mqtt", "pydantic")
"""Packages that faults are asked about."""


@click.command()
@with_output("text", "json")
@with_settings("home", "hub", "hub_token_file")
def version(settings: Settings, output: str) -> None:
    """The version of this program, of the hub that it asks, of Python and of what both stand on."""
    found = {
        "fleet": __version__,
        "hub": _of_hub(settings),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: _of_package(name) for name in PARTS},
    }
    if output == "json":
        write_json(found)
        return
    for name, value in found.items():
        say(f"{name:<10} {value or 'none'}")


def _of_hub(settings: Settings) -> str | None:
    """None: none answers."""
    from fleet.hub_client import HubClient

    try:
        hub = HubClient.asked(settings)
        if hub is None:
            return None
        answer = hub.get("/v1/stats")
        with hub.reading():
            return str(answer["version"])
    except FleetError:
        return None


def _of_package(name: str) -> str | None:
    try:
        return installed(name)
    except PackageNotFoundError:
        return None
