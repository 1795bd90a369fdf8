"""Change a `fleet.toml` that people edit: what is not meant stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit


def settings_with(text: str, changes: Mapping[tuple[str, ...], Any]) -> str:
    """The text of a `fleet.toml` with other values; all else in it stays, comments too."""
    document = tomlkit.parse(text)
    for (*tables, key), value in changes.items():
        table: Any = document
        for name in tables:
            if name not in table:
                table[name] = tomlkit.table()
            table = table[name]
        table[key] = value
    return tomlkit.dumps(document)
