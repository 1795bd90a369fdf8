"""What a table holds, said once for both sides; and a digest of its rows that no order changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from fleet.store.row_mapping import portable_text

Row = tuple[Any, ...]

META: Final = "meta"
"""Numbers that a store keeps about itself; what they count differs, so they go by name."""


class Holds(Enum):
    """What a column holds, whatever a database calls it."""

    INTEGER = "INTEGER"
    FLOAT = "REAL"
    TEXT = "TEXT"
    BYTES = "BLOB"


@dataclass(frozen=True, slots=True)
class Shape:
    """A table: its columns with what they hold, and those by which its rows are told apart."""

    table: str
    columns: tuple[tuple[str, Holds], ...]
    key: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    @property
    def goes_on(self) -> bool:
        """Whether both sides order its keys alike, so that a copy can go on behind the last one:
        texts stand in the order of the database's language."""
        holds = dict(self.columns)
        return all(holds[name] in (Holds.INTEGER, Holds.FLOAT) for name in self.key)

    def key_of(self, row: Row) -> Row:
        return tuple(row[self.names.index(name)] for name in self.key)

    def canonical(self, rows: Iterable[Row]) -> list[Row]:
        """`rows` as values that are the same wherever they were stored. PostgreSQL has no NUL in
        texts: there, and so here, it is the sign for what cannot be shown."""
        casts = [_CASTS[holds] for _, holds in self.columns]
        return [
            tuple(
                None if value is None else cast(value)
                for cast, value in zip(casts, row, strict=True)
            )
            for row in rows
        ]


def _float(value: Any) -> float:
    return float(value) + 0.0  # SQLite knows no negative zero


_CASTS: Final[dict[Holds, Callable[[Any], Any]]] = {
    Holds.INTEGER: int,
    Holds.FLOAT: _float,
    Holds.TEXT: portable_text,
    Holds.BYTES: bytes,
}


class Digest:
    """Of a table's rows, in canonical form: their number, and the sum of their SHA-256."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, rows: list[Row]) -> None:
        self.rows += len(rows)
        for row in rows:
            found = hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).digest()
            self._sum += int.from_bytes(found)

    @property
    def hex(self) -> str:
        return f"{self._sum % 2**256:064x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digest) and (self.rows, self.hex) == (other.rows, other.hex)

    __hash__ = None  # type: ignore[assignment]  # it grows
