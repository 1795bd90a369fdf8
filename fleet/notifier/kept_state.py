"""Where a route keeps what waits and what was delivered: in the home, or where several hubs share
a store, there, so that whoever takes over goes on with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from fleet.contract.errors import ConfigError
from fleet.contract.kept_file import MAX_LIST, read_json
from fleet.contract.secret_file import write_secret
from fleet.store.leadership import Documents

T = TypeVar("T")

SHAPE: Final = "what a route keeps"
REMEDY: Final = "it is written anew"


_ROUTE: Final = "route-"


def document_name(route: str) -> str:
    """What a store calls what a route keeps."""
    return _ROUTE + route


def route_name(document: str) -> str:
    """The route whose document it is; empty: it is no route's."""
    return document.removeprefix(_ROUTE) if document.startswith(_ROUTE) else ""


class KeptState(Protocol):
    """One text, read when a hub starts and written with each change; both block."""

    def read(self, parse: Callable[[Any], T]) -> T | None:
        """What `parse` makes of it; None: there is none yet.

        Raises:
            ConfigError: it cannot be read, or is not ours.
            StoreError: the store cannot be asked.
        """
        ...

    def write(self, text: str) -> None:
        """
        Raises:
            FleetError: it cannot be written.
        """
        ...


class InHome:
    """A file, 0600."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self, parse: Callable[[Any], T]) -> T | None:
        return read_json(self._file, parse, shape=SHAPE, remedy=REMEDY, most=MAX_LIST)

    def write(self, text: str) -> None:
        write_secret(self._file, text)


class InStore:
    """A document of the store that several hubs share."""

    def __init__(self, documents: Documents, route: str) -> None:
        self._documents = documents
        self._name = document_name(route)

    def read(self, parse: Callable[[Any], T]) -> T | None:
        text = self._documents.read(self._name)
        if text is None:
            return None
        try:
            return parse(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ConfigError(f"{self._name} in the store is damaged", SHAPE, REMEDY) from None

    def write(self, text: str) -> None:
        self._documents.write(self._name, text)
