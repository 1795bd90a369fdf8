"""A list in a private file of the home that several programs change: the hub and the command line.

Whoever asks reads it again once it has changed; whoever changes it does so in turn, whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from fleet.contract.kept_file import MAX_LIST, read_json
from fleet.contract.secret_file import write_secret
from fleet.lock import in_turn


class Hashed(Protocol):
    """A dataclass of texts, one of which is the hash of the secret that the entry is for."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def digest(self) -> str: ...


E = TypeVar("E", bound=Hashed)


class SharedList(Generic[E]):
    """Entries by their digest.

    Args:
        what: the entries, for people.
        again: how the list is begun anew.
    """

    def __init__(self, path: Path, entry: type[E], *, what: str, again: str) -> None:
        self.path = path
        self._entry = entry
        self._what = what
        self._again = again
        self._stamp: tuple[int, int] | None = None
        self._entries: dict[str, E] = {}

    def entries(self) -> Mapping[str, E]:
        """As they are now.

        Raises:
            ConfigError: the file is damaged, or open to others.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return {}
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._stamp:
            self._entries = self._read()
            self._stamp = stamp
        return self._entries

    @contextmanager
    def change(self) -> Iterator[dict[str, E]]:
        """The entries to change, written back whole when the block ends well.

        Raises:
            ConfigError: as above, or the file cannot be written.
        """
        with in_turn(self.path.with_suffix(".lock")):
            entries = self._read()
            yield entries
            text = json.dumps([asdict(entry) for entry in entries.values()], indent=1)
            write_secret(self.path, text)
            self._stamp = None

    def _read(self) -> dict[str, E]:
        found = read_json(
            self.path,
            lambda document: [self._parse(item) for item in document],
            shape=f"a list of {self._what}",
            remedy=f"move {self.path} away and {self._again}",
            most=MAX_LIST,
            secret=True,
        )
        return {entry.digest: entry for entry in found or ()}

    def _parse(self, item: dict[str, str]) -> E:
        if not all(isinstance(text, str) for text in item.values()):
            raise TypeError
        return self._entry(**item)
