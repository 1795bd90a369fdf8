"""The word that a hub leaves where its broker gives every client of its account one client id."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Final

from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import ConfigError
from fleet.contract.kept_file import read_json
from fleet.contract.secret_file import write_secret

FILE: Final = "client-id.json"

SAID: Final = "the broker gives every client of the hub's account one client id"
REMEDY: Final = (
    "a listener for the hub without use_username_as_clientid (docs/how-to/static-acl.md), "
    "its address as broker in fleet.toml, then restart fleet serve"
)


def leave_word(home: Path, broker: BrokerUrl, *, shared: bool) -> None:
    """For everything else of this home that would connect with the hub's account."""
    path = home / FILE
    with contextlib.suppress(OSError, ConfigError):  # a bad disk is told by the store
        if shared:
            write_secret(path, json.dumps({"broker": str(broker)}))
        else:
            path.unlink(missing_ok=True)


def is_shared(home: Path, broker: BrokerUrl) -> bool:
    """Whether the last hub of this home left word of `broker`; a word that cannot be read is
    none."""
    try:
        said = read_json(
            home / FILE, lambda found: str(found["broker"]), shape="the word of a hub", remedy=""
        )
    except ConfigError:
        return False
    return said == str(broker)


def refuse_shared(home: Path, broker: BrokerUrl) -> None:
    """
    Raises:
        ConfigError: to connect would push the hub out, and take what waits for it.
    """
    if is_shared(home, broker):
        raise ConfigError(
            SAID,
            "this one would push the hub out, and take what waits for it",
            REMEDY,
        )
