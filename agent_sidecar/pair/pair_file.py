"""The pair file (`FLEET_PAIR`): which pair the agent is in, and how it takes up and lays down.

TOML, 0600. An action is a list of words and never meets a shell; nothing on the bus is part of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from fleet.contract import secret_file, trusted_path
from fleet.contract.errors import ConfigError, closest
from fleet.contract.patterns import AGENT_NAME

MAX_WORDS, MAX_WORD = 64, 1000
"""Words of an action, and characters of one: a long script is a file."""

DEACTIVATE: Final = 5.0
"""Seconds that `deactivate` may take: the hub grants eight from the end of a lease."""
ACTIVATE: Final = 20.0
"""Seconds that `activate` may take: the start of an agent."""

EXAMPLE: Final = 'activate = ["/usr/bin/systemctl", "start", "bot"]'


@dataclass(frozen=True, slots=True)
class PairFile:
    """All of the file. `fence`: lay down when the lease is over; `probe`: an address of the other's
    endpoint, empty: nobody looks."""

    pair: str
    activate: tuple[str, ...]
    deactivate: tuple[str, ...]
    fence: bool = False
    probe: str = ""


def read(path: Path) -> PairFile:
    """
    Raises:
        ConfigError: it cannot be read, others may read or change it, or it says what cannot be.
    """
    try:
        secret_file.require_private(path)
        document = tomllib.loads(trusted_path.read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"the pair file {path} cannot be read", why, f"ls -l {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML", str(error), EXAMPLE) from None
    return parse(document, str(path))


def parse(said: Mapping[str, Any], where: str) -> PairFile:
    """
    Raises:
        ConfigError: it says what cannot be.
    """
    known = ("pair", "activate", "deactivate", "fence", "probe")
    for name in said:
        if name not in known:
            _refuse(f"{name} in {where} is not known", "", closest(name, known) or " ".join(known))
    pair, fence, probe = said.get("pair"), said.get("fence", False), said.get("probe", "")
    if not isinstance(pair, str) or not AGENT_NAME.fullmatch(pair):
        _refuse(f"pair in {where} is no name of a pair", "1 to 40 of a-z, 0-9 and -", 'pair = "a"')
    if not isinstance(fence, bool):
        _refuse(f"fence in {where} is not usable", "it is true or false", "fence = true")
    if probe and not (isinstance(probe, str) and _is_address(probe)):
        why = "it is http://HOST[:PORT]/PATH, without a login"
        _refuse(f"probe in {where} is not usable", why, 'probe = "http://10.0.0.1:18789/healthz"')
    activate, deactivate = (_argv(said, name, where) for name in ("activate", "deactivate"))
    return PairFile(pair, activate, deactivate, fence, probe)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme == "http" and bool(parts.hostname) and "@" not in parts.netloc and (
            parts.port is None or parts.port > 0
        )  # fmt: skip
    except ValueError:
        return False


def _argv(said: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    value = said.get(name)
    good = isinstance(value, list) and 1 <= len(value) <= MAX_WORDS
    if not good or not all(
        isinstance(word, str) and 1 <= len(word) <= MAX_WORD and "\0" not in word
        for word in value or ()
    ):
        why = f"it is a list of 1 to {MAX_WORDS} words"
        _refuse(f"{name} in {where} is not usable", why, EXAMPLE.replace("activate", name, 1))
    return tuple(value or ())


def _refuse(what: str, why: str, remedy: str) -> NoReturn:
    raise ConfigError(what, why, remedy)
