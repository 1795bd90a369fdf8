"""Whether each part of a home can be used: opened as its owner opens it, and of what it belongs to.

Nothing is changed."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from fleet import keys
from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.kept_file import MAX_LIST, read_json
from fleet.contract.secret_file import read_password
from fleet.home.parts import Care, part_of
from fleet.notifier.ack_links import FILE as ACK_KEY
from fleet.notifier.routes import routes_of
from fleet.own_key import own_key
from fleet.pending_departures import PendingDepartures
from fleet.provisioning import certificate_files
from fleet.provisioning.registry import Registry
from fleet.settings import Settings
from fleet.store.open import require_whole
from fleet.tokens import Tokens

Fault = tuple[str, str, str]
"""Which part, what is wrong with it, and what to try."""

_BACK: Final = "fleet restore --home FILE --to another folder has it as it was"
_DATABASE: Final = b"\x00\xb5\x00mosquitto db"
_LINE: Final = 1 << 20
"""Bytes of a first line that are looked at."""


def faults(home: Path, found: list[tuple[PurePosixPath, Path]]) -> Iterator[Fault]:
    """Every file of `found` that cannot be used, and why."""
    held = {str(name): path for name, path in found if _is_file(path)}
    for name, path in held.items():
        for pattern, look in _LOOKS.items():
            if PurePosixPath(name).match(pattern):
                yield from _of(name, look, home, path)
                break
    for name, whole in _OF_THE_HOME.items():
        if any(one.startswith(name) for one in held):
            yield from _of(name, whole, home, home)
    yield from _modes(home, held)


def of_the_settings(settings: Settings) -> Iterator[Fault]:
    """Tables that only their users judge."""
    with_routes = "[routes]"
    yield from _of(with_routes, lambda _, __: routes_of(settings), settings.home, settings.home)
    if settings.adr:
        yield from _of("adr", lambda _, __: settings.added_words(), settings.home, settings.home)


def _of(name: str, look: Callable[[Path, Path], object], home: Path, path: Path) -> Iterator[Fault]:
    try:
        look(home, path)
    except FleetError as error:
        why = f"{error.what}: {error.why}" if error.why else error.what
        yield name, why, error.remedy or _BACK
    except OSError as error:
        yield name, error.strerror or str(error), f"ls -l {path}"
    except ValueError:  # what its owner takes for text
        yield name, f"{path} is not text", _BACK


def _modes(home: Path, held: dict[str, Path]) -> Iterator[Fault]:
    """Who else may read a file, and whose it is: a hub cannot use what root left."""
    owner, mode = home.stat().st_uid, stat.S_IMODE(home.stat().st_mode)
    if mode & 0o077:
        yield str(home), f"it is open to others, mode {mode:04o}", f"chmod 700 {home}"
    for name, path in held.items():
        if part_of(PurePosixPath(name)).care is Care.LEFT:
            continue
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid != owner:
            yield name, f"it is of uid {found.st_uid}, the home of {owner}", f"chown {owner} {path}"
        if mode & 0o077:
            yield name, f"it is open to others, mode {mode:04o}", f"chmod 600 {path}"
        elif not mode & stat.S_IRUSR:
            yield name, f"its owner may not read it, mode {mode:04o}", f"chmod 600 {path}"


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(os.lstat(path).st_mode)


def _toml(_: Path, path: Path) -> None:
    try:
        tomllib.loads(trusted_path.read_text(path))
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML", str(error), f"mend {path}") from None


def _json(_: Path, path: Path) -> None:
    def is_table(document: object) -> None:
        if not isinstance(document, dict):
            raise TypeError

    read_json(path, is_table, shape="what was written there", remedy=_BACK, most=MAX_LIST)


def _first_line(_: Path, path: Path) -> None:
    with os.fdopen(trusted_path.open_file(path, os.O_RDONLY), "rb") as stream:
        line = stream.readline(_LINE)
    try:
        if line:
            json.loads(line)
    except (ValueError, RecursionError):
        raise ConfigError(f"{path} is damaged", "its first line is no JSON", _BACK) from None


def _public_keys(home: Path, path: Path) -> None:
    ring = keys.read_ring(home)
    known = {f"{key.public}  # {key.kid}" for key in ring.keys}
    lines = set(trusted_path.read_text(path).splitlines())
    if not lines or lines - known:
        why = "it is not what the list of keys says"
        raise ConfigError(f"{path} is damaged", why, "fleet agent keys show -o public has it")


def _private_key(home: Path, path: Path) -> None:
    keys.require_usable(home, path.stem)


def _every_key(home: Path, _: Path) -> None:
    for key in keys.read_ring(home).keys:
        keys.require_usable(home, key.kid)


def _retained(_: Path, path: Path) -> None:
    with path.open("rb") as stream:
        if not stream.read(len(_DATABASE)).startswith(_DATABASE):
            raise ConfigError(f"{path} is damaged", "it is no store of Mosquitto", f"rm {path}")


def _digest_key(_: Path, path: Path) -> None:
    own_key(path, what="the key", without="it begins anew")


_LOOKS: Final[dict[str, Callable[[Path, Path], object]]] = {
    "keys/keys.json": lambda home, _: keys.read_ring(home),
    "keys/commands.pub": _public_keys,
    "keys/*.pem": _private_key,
    "agents.json": lambda home, _: Registry(home).everyone(),
    "tokens.json": lambda home, _: Tokens(home).entries(),
    "departures.json": lambda home, _: PendingDepartures(home).read(),
    "clock.json": _json,
    "broker/*.password": lambda _, path: read_password(path),
    "broker/dynamic-security.json": _json,
    "broker/data/mosquitto.db": _retained,
    "ca/*.pem": lambda _, path: certificate_files.require_readable(path),
    "ca/clients/*.pem": lambda _, path: certificate_files.require_readable(path),
    "fleet.sqlite3": lambda home, _: require_whole(home),
    "routes/*.json": _json,
    "audit/*.json": _json,
    "audit/reports.log": _first_line,
    "audit.toml": _toml,
    "capture/*.jsonl": _first_line,
    "actions.jsonl*": _first_line,
    "audit-digest.key": _digest_key,
    ACK_KEY: _digest_key,
}
"""How one file is looked at; the first pattern that fits."""

_OF_THE_HOME: Final[dict[str, Callable[[Path, Path], object]]] = {
    "keys/keys.json": _every_key,
    "ca/": lambda home, _: certificate_files.require_pairs(home),
}
"""What belongs together, where there is any of it."""
