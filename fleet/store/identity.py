"""Which fleet a home belongs to, so that a hub of another one does not take its database over.

Made once, out of what the fleet has had longest, and kept: homes that were copied from each other,
also before this file was kept, come to the same, whatever is rotated afterwards.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_secret, write_secret
from fleet.settings import Settings

FILE: Final = "fleet.id"

_is_id: Final = re.compile("[0-9a-f]{32}").fullmatch

_NOT_THERE: Final = (OSError, ValueError, KeyError, IndexError, TypeError)


def identity(settings: Settings) -> str:
    """The id of this home's fleet, 32 hexadecimal digits; written where it is not kept yet.

    Raises:
        ConfigError: the file cannot be read or written, or is damaged.
    """
    path = settings.home / FILE
    if not path.exists():
        made = next(_marks(settings))
        write_secret(path, hashlib.sha256(made.encode()).hexdigest()[:32])
    kept = read_secret(path)
    if not _is_id(kept):
        raise ConfigError(
            f"{path} is damaged",
            "it is not 32 hexadecimal digits",
            f"put it back from a copy; without one: rm {path}",
        )
    return kept


def _marks(settings: Settings) -> Iterator[str]:
    """What tells this fleet from others, the most lasting first."""
    home = settings.home
    for kind, path, mark in (
        ("ca", home / "ca" / "ca.pem", _certificate),
        ("key", home / "keys" / "keys.json", _first_key),
    ):
        found = _read(path, mark)
        if found:
            yield f"{kind} {found}"
    brokers, topics = settings.brokers.every, settings.topics
    machine = socket.gethostname() if any(one.is_local for one in brokers) else ""
    places = sorted(one.place for one in brokers)
    yield " ".join(["bus", topics.prefix, topics.manager, machine, *places])


def _read(path: Path, mark: Callable[[str], str]) -> str:
    """What `mark` finds in a file; empty: nothing, whoever needs the file says so."""
    try:
        return mark(trusted_path.read_text(path))
    except _NOT_THERE:
        return ""


def _certificate(text: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()


def _first_key(text: str) -> str:
    return str(json.loads(text)["keys"][0]["public"])
