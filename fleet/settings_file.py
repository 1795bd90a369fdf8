"""`fleet.toml`, read so that nothing in it is passed over: every key is known or told.

An error names the file, the line, the table and the key, and what was probably meant.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError, closest
from fleet.contract.variables import Variables, expand_all
from fleet.settings_tables import BY_NAME, EXAMPLES, TABLES, Table, contents, fits


class SettingsFile:
    """One file: its text, and what it says. One that is not there says nothing.

    Attributes:
        path: where it is.
        document: what stands in it, as it stands there: with `${NAME}`.
    """

    def __init__(self, path: Path) -> None:
        """
        Raises:
            ConfigError: it cannot be read, or is not TOML.
        """
        self.path = path
        self._text = ""
        self.document: dict[str, Any] = {}
        try:
            trusted_path.require(path.parent)  # all that a hub keeps lies there
            self._text = trusted_path.read_text(path)
            self.document = tomllib.loads(self._text)
        except FileNotFoundError:
            return
        except OSError as error:
            why = error.strerror or ""
            raise ConfigError(f"{path} cannot be read", why, f"ls -l {path}") from None
        except (ValueError, RecursionError) as error:  # also a number with too many digits
            raise ConfigError(f"{path} is not TOML", str(error), f"mend {path}") from None

    def where(self, key: str, table: str = "") -> str:
        """Key, file and line, as far as it can be found, for an error."""
        shown = f"[{table}] {key}".strip() if table else key
        line = self._line(key, table)
        return f"{shown} in {f'line {line} of ' if line else ''}{self.path}"

    def faults(self, settings: Iterable[str]) -> Iterator[ConfigError]:
        """Everything that is no setting, table or key, or is of the wrong type."""
        known = tuple(settings)
        for key, value in self.document.items():
            if key in known:
                if isinstance(value, bool) or not isinstance(value, str | int | float):
                    what = f"{self.where(key)} is not usable"
                    yield ConfigError(what, "it is not text or a number", f'{key} = "…"')
            elif isinstance(value, dict) and key in BY_NAME:
                yield from self._table_faults(BY_NAME[key], value)
            elif isinstance(value, dict | list):
                yield self._unknown("table", "", key, BY_NAME)
            else:
                yield self._unknown("setting", key, "", known)

    def tables(self, variables: Variables) -> dict[str, Any]:
        """Every table with the values of its variables.

        Raises:
            ConfigError: a variable has no value.
        """
        found: dict[str, Any] = {}
        for table in TABLES:
            if table.name not in self.document:
                continue
            below = {
                path: {  # by what it holds: a name may have a dot in it
                    key: expand_all(held, variables, self.where(key, path))
                    for key, held in value.items()
                }
                for path, value in contents(table, self.document[table.name])
            }
            found[table.name] = (
                {path.partition(".")[2]: value for path, value in below.items()}
                if table.named
                else below[table.name]
            )
        return found

    def _table_faults(self, table: Table, value: dict[str, Any]) -> Iterator[ConfigError]:
        keys = {key.name: key for key in table.keys}
        for path, below in contents(table, value):
            if not isinstance(below, dict):
                what = f"{self.where(path.partition('.')[2], table.name)} is not usable"
                yield ConfigError(what, "it is not a table", f"[{table.name}.NAME]")
                continue
            for name, held in below.items():
                if name not in keys:
                    yield self._unknown("key", name, path, keys)
                elif not fits(keys[name].kind, held):
                    what = f"{self.where(name, path)} is not usable"
                    yield ConfigError(
                        what,
                        f"it is not {keys[name].kind}",
                        f"{name} = {EXAMPLES[keys[name].kind]}",
                    )

    def _unknown(self, what: str, key: str, table: str, known: Iterable[str]) -> ConfigError:
        known = tuple(known)
        near = closest(key or table, known)
        options = f"one of: {', '.join(known)}"
        if near:
            options = f"[{near}]" if what == "table" else near
        said = self.where(key, table) if key else self.where(f"[{table}]")
        return ConfigError(f"{said} is no {what}", "" if near else f"known: {', '.join(known)}",
                           options)  # fmt: skip

    def _line(self, key: str, table: str) -> int:
        """The line of a key or, of `[name]`, of a table; 0 where it is written another way."""
        within = ""
        for number, line in enumerate(self._text.splitlines(), 1):
            heading = re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line)
            if heading:
                within = heading[1].replace('"', "")
                inner = f"{within}.".startswith(f"{key[1:-1]}.")
                if key[:1] == "[" and inner:
                    return number
            elif within == table and re.match(rf"\s*\"?{re.escape(key)}\"?\s*[=.]", line):
                return number
        return 0
