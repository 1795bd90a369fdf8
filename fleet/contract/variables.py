"""`${NAME}` in a configuration file: what the environment holds under that name.

So a secret may stay where it is handed in, and the file names it. One step and no more: a value
that holds `${` itself is not looked into. What was put in is not shown: errors are told with
`${NAME}` in its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fleet.contract.errors import ConfigError

NAME: Final = r"[A-Z][A-Z0-9_]*"
"""In capitals: what `scripts/bus-publish` calls its own is not, and cannot be meant."""

REFERENCE: Final = rf"\$\{{(?P<name>{NAME})(?::\?)?\}}"
"""`${NAME}`, or `${NAME:?}`: the same to us, and to compose an error where it is not set."""

_OPENING: Final = re.compile(rf"{REFERENCE}|\$\{{")


class Variables:
    """Puts values in for `${NAME}`, and hides them again."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._used: dict[str, str] = {}

    def expand(self, text: str, where: str) -> str:
        """`text` with its variables; `where` says file and key, for the error.

        Raises:
            ConfigError: a variable is not set or empty, or `${` is not followed by `NAME}`.
        """

        def value(match: re.Match[str]) -> str:
            name = match["name"]
            if name is None:
                raise ConfigError(
                    f"{where} is not usable",
                    "${ opens no variable",
                    "write ${NAME} or ${NAME:?}, and no more",
                )
            found = self._environ.get(name)
            if not found:
                raise ConfigError(
                    f"${{{name}}} in {where} has no value",
                    f"{name} is not set in the environment, or empty",
                    f"export {name}=VALUE where this is started",
                )
            self._used[name] = found
            return found

        return _OPENING.sub(value, text)

    def hide(self, error: ConfigError) -> ConfigError:
        """The same error, and `${NAME}` wherever a value would show."""
        texts = [error.what, error.why, error.remedy]
        for name, value in sorted(self._used.items(), key=lambda item: -len(item[1])):
            shown = repr(value)[1:-1]  # errors quote
            texts = [
                text.replace(value, f"${{{name}}}").replace(shown, f"${{{name}}}") for text in texts
            ]
        return ConfigError(*texts)


def references(text: str) -> set[str]:
    """The names of the variables in `text`."""
    return {match["name"] for match in _OPENING.finditer(text) if match["name"]}


def expand_all(value: Any, variables: Variables, where: str) -> Any:
    """Like `Variables.expand` for every text within lists and tables.

    Raises:
        ConfigError: as there.
    """
    if isinstance(value, str):
        return variables.expand(value, where)
    if isinstance(value, list):
        return [expand_all(item, variables, where) for item in value]
    if isinstance(value, dict):
        return {key: expand_all(item, variables, where) for key, item in value.items()}
    return value
