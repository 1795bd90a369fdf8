"""What a home consists of: the one list that backup, restore, `fleet home check` and the page
docs/how-to/backup.md go by.

What stands in no line is the operator's own, such as a route's secret, and is taken along.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final


class Need(Enum):
    """When a home is not whole without a part."""

    ALWAYS = "always"
    BROKER = "with a broker of its own"
    ACCOUNTS = "where `fleet agent` makes accounts"
    NEVER = "if there is any"


class Care(Enum):
    """How a backup treats a part."""

    COPIED = "copied"
    STORE = "copied by the store itself, whole also while a hub writes"
    CONTENT = "left out unless it is asked for"
    LEFT = "left out"


@dataclass(frozen=True, slots=True)
class Part:
    """Files of a home: `pattern` is relative to it, `*` stands for any text, `/` included."""

    pattern: str
    meaning: str
    need: Need = Need.NEVER
    care: Care = Care.COPIED

    def holds(self, path: PurePosixPath) -> bool:
        return fnmatchcase(str(path), self.pattern)


_OF_A_RUN: Final = "of a hub or broker that runs"

PARTS: Final = (
    Part("fleet.toml", "settings", Need.ALWAYS),
    Part("keys/keys.json", "the list of keys that sign commands", Need.ALWAYS),
    Part("keys/commands.pub", "what agents check commands with", Need.ALWAYS),
    Part("keys/*.pem", "the keys themselves", Need.ALWAYS),
    Part("agents.json", "who is enrolled", Need.ACCOUNTS),
    Part("broker/admin.password", "the broker's account that makes others", Need.ACCOUNTS),
    Part("ca/ca.pem", "the CA that agents trust", Need.BROKER),
    Part("ca/ca.key", "its key", Need.BROKER),
    Part("ca/crl.pem", "certificates that were revoked", Need.BROKER),
    Part("ca/server.pem", "the broker's certificate", Need.BROKER),
    Part("ca/server.key", "its key", Need.BROKER),
    Part("ca/http.pem", "the hub's certificate for HTTPS; made anew where it is missing"),
    Part("ca/http.key", "its key"),
    Part("ca/clients/*", "agents' certificates, without their keys"),
    Part("broker/mosquitto.conf", "the broker's configuration; made anew by restore", Need.BROKER),
    Part("broker/dynamic-security.json", "its accounts, roles and rights", Need.BROKER),
    Part("broker/hub.password", "the hub's account", Need.ACCOUNTS),
    Part("broker/data/*", "retained messages and queues, of the last 5 s at worst"),
    Part("broker/*.log", _OF_A_RUN, care=Care.LEFT),
    Part("broker/*.pid", _OF_A_RUN, care=Care.LEFT),
    Part("fleet.sqlite3", "the store: history, alerts, silences, commands", care=Care.STORE),
    Part("fleet.sqlite3?*", "the store's log, and the store before a restore", care=Care.LEFT),
    Part("tokens.json", "tokens of HTTP, hashed"),
    Part("sessions.json", "who is signed in at the page: signs in again", care=Care.LEFT),
    Part("fleet.id", "which fleet this is, for its database"),
    Part("departures.json", "agents that a hub has yet to forget"),
    Part("clock.json", "what the last hub knew of the time"),
    Part("routes/*", "alerts that are not delivered yet"),
    Part("capture/*", "the capture of the bus, for the audit"),
    Part("audit/*", "reports of the audit"),
    Part("audit.toml", "findings that are allowed for a while"),
    Part("audit-digest.key", "the key of the digests in those reports"),
    Part("ack.key", "the key of links in notifications"),
    Part("actions.jsonl*", "what was done over MCP"),
    Part("adr/*", "the deployment's own ADRs, where `adr` names this folder"),
    Part("hub.json", _OF_A_RUN, care=Care.LEFT),
    Part("client-id.json", _OF_A_RUN, care=Care.LEFT),
    Part("*.lock", _OF_A_RUN, care=Care.LEFT),
    Part("sidecar/*", "a sidecar's state: it belongs to its machine", care=Care.LEFT),
    Part("backups/*", "earlier copies", care=Care.LEFT),
    Part(".*", "half-written files", care=Care.LEFT),
    Part("*/.*", "half-written files", care=Care.LEFT),
    Part("blobs/*", "content of tasks and boards, by digest", care=Care.CONTENT),
)

OWN: Final = Part("*", "the operator's own")


def part_of(path: PurePosixPath) -> Part:
    """What a file of the home is: the first line that fits."""
    return next((part for part in PARTS if part.holds(path)), OWN)


def files(home: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """(path in the home, path) of each file, links and pipes included; folders are not entered by
    a link.

    Raises:
        OSError: a folder cannot be read.
    """
    for name, folders, names in os.walk(home, onerror=_stop):
        folder = Path(name)
        links = [below for below in folders if (folder / below).is_symlink()]
        folders[:] = sorted(set(folders) - set(links))
        for below in sorted([*names, *links]):
            path = folder / below
            yield PurePosixPath(path.relative_to(home).as_posix()), path


def _stop(error: OSError) -> None:
    raise error
