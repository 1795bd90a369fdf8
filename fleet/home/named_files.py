"""Files that a home names in its settings: most lie inside, some elsewhere on the machine."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.variables import Variables
from fleet.keys import RING, read_ring
from fleet.settings import FILE_NAME, PATHS
from fleet.settings_file import SettingsFile
from fleet.settings_text import settings_with

_IN_ROUTES: Final = ("url_file", "secret_file", "token_file")
FOLDER: Final = "outside"
"""Where files from elsewhere stand in a home that was moved."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """One key of the settings that names a file or a folder.

    Attributes:
        keys: where it stands: `("password_file",)`, `("routes", "oncall", "secret_file")`.
        text: as it stands there.
        path: where it leads, absolute.
    """

    keys: tuple[str, ...]
    text: str
    path: Path
    inside: bool

    @property
    def where(self) -> str:
        *table, key = self.keys
        return f"[{'.'.join(table)}] {key}" if table else key

    @property
    def moves(self) -> bool:
        """Whether it leads into the home also when that lies elsewhere."""
        return self.inside and not Path(self.text).is_absolute() and "$" not in self.text

    @property
    def new_place(self) -> str:
        """Its path in a home that takes it along."""
        return f"{FOLDER}/{re.sub(r'[^A-Za-z0-9._-]', '_', '-'.join(self.keys))}"


PASSPHRASE: Final = ("keys/keys.json", "passphrase_file")


def named_files(home: Path) -> list[NamedFile]:
    """Every one that `fleet.toml` and the list of keys name.

    Raises:
        ConfigError: one of them cannot be read.
    """
    passphrase = read_ring(home).passphrase_file
    texts = [*_of_settings(home), *([(PASSPHRASE, passphrase)] if passphrase else [])]
    return [_named(home, keys, text) for keys, text in texts]


def rewritten(home: Path, changes: Mapping[tuple[str, ...], str]) -> dict[str, bytes]:
    """Path in the home → content, of each file in which a name of `changes` stands.

    Raises:
        ConfigError: it cannot be read.
    """
    found: dict[str, bytes] = {}
    if ours := {keys: text for keys, text in changes.items() if keys != PASSPHRASE}:
        found[FILE_NAME] = settings_with(trusted_path.read_text(home / FILE_NAME), ours).encode()
    if PASSPHRASE in changes:
        ring = json.loads(trusted_path.read_text(home / "keys" / RING))
        ring["passphrase_file"] = changes[PASSPHRASE]
        found[f"keys/{RING}"] = json.dumps(ring, indent=1).encode()
    return found


def _of_settings(home: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    document = SettingsFile(home / FILE_NAME).document
    for name in PATHS:
        if isinstance(document.get(name), str) and document[name]:
            yield (name,), document[name]
    for name, table in document.get("routes", {}).items():
        for key in _IN_ROUTES:
            if isinstance(table, dict) and isinstance(table.get(key), str) and table[key]:
                yield ("routes", name, key), table[key]


def _named(home: Path, keys: tuple[str, ...], text: str) -> NamedFile:
    expanded = Variables(os.environ).expand(text, keys[-1])
    path = (home / Path(expanded).expanduser()).resolve()
    return NamedFile(keys, text, path, path.is_relative_to(home.resolve()))
