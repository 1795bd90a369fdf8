"""The move itself: copy, compare, and only then let hubs in.

What the target holds is the record of what was done: a move that was killed goes on behind the
last row of each table. Nothing is believed of an earlier run: a table that was not copied in one go
is read again on both sides, and copied anew where the source has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fleet.store.port import StoreError
from fleet.store.transfer.shape import Digest, Shape
from fleet.store.transfer.sides import Side, Source, Target, Tell

CHUNK: Final = 2_000
"""Rows a transaction: some 50 ms, and no more memory than 2,000 messages of the largest size."""


@dataclass(frozen=True, slots=True)
class MovedTable:
    """A table that is the same on both sides."""

    name: str
    rows: int
    digest: str


def _nothing(_what: str, _rows: int) -> None: ...


def transfer(
    source: Source, target: Target, shapes: Sequence[Shape], tell: Tell = _nothing
) -> list[MovedTable]:
    """Move all of `source` to `target`; the tables, each the same on both sides.

    Raises:
        StoreError: it cannot go on, or a table cannot be made the same; said again, it goes on.
    """
    copied = {shape.table: _copy(source, target, shape, tell) for shape in shapes}
    moved = []
    for shape in shapes:
        there = digest(target, shape, tell)
        here = copied[shape.table] or digest(source, shape, tell)
        if here != there and copied[shape.table] is None:
            target.clear(shape)  # the source went on between two runs
            here = _copy(source, target, shape, tell) or here
            there = digest(target, shape, tell)
        if here != there:
            raise StoreError(
                f"the table {shape.table} is not the same on both sides",
                f"{here.rows} rows {here.hex[:12]} here, {there.rows} rows {there.hex[:12]} there",
                "the same again, with nobody else at either store",
            )
        moved.append(MovedTable(shape.table, there.rows, there.hex))
    numbers, documents = source.numbers(), source.documents()
    source.require_at_rest()
    target.finish(numbers, documents)
    source.leave(target.name)
    return moved


def is_same(one: Side, other: Side, shapes: Sequence[Shape], tell: Tell = _nothing) -> bool:
    """Whether both hold the same rows and numbers; the cheap questions come first."""
    return (
        all(one.count(shape) == other.count(shape) for shape in shapes)
        and one.numbers() == other.numbers()
        and all(digest(one, shape, tell) == digest(other, shape, tell) for shape in shapes)
    )


def digest(side: Side, shape: Shape, tell: Tell = _nothing) -> Digest:
    """Of all rows of a table."""
    found, after = Digest(), None
    while rows := side.rows(shape, after, CHUNK):
        found.add(rows)
        after = shape.key_of(rows[-1])
        tell(f"compare {shape.table}", len(rows))
    return found


def _copy(source: Source, target: Target, shape: Shape, tell: Tell) -> Digest | None:
    """Copy what is not there yet; the digest of the source's table, if all of it was."""
    after = target.last_key(shape)
    if after is not None and not shape.goes_on:
        target.clear(shape)
        after = None
    found = Digest() if after is None else None
    while rows := source.rows(shape, after, CHUNK):
        target.append(shape, rows)
        if found is not None:
            found.add(rows)
        after = shape.key_of(rows[-1])
        tell(f"copy {shape.table}", len(rows))
    return found
