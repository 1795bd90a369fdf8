"""The store of a home moved into a database, or back: what is refused, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.contract.errors import ConfigError
from fleet.contract.store_url import StoreUrl
from fleet.store.port import StoreError
from fleet.store.transfer.shape import Shape
from fleet.store.transfer.sides import KeptDocuments, Side, Source, Target
from fleet.store.transfer.transfer import MovedTable, is_same, transfer

if TYPE_CHECKING:
    from fleet.store.postgres.move_side import PostgresView


@dataclass(frozen=True, slots=True)
class Move:
    """What is moved from where to where.

    Attributes:
        tell: told what is done, how many rows of it, and of how many in all.
        dry: only look; whatever would be refused is refused.
    """

    home: Path
    url: StoreUrl
    password: str | None
    kept: KeptDocuments
    tell: Callable[[str, int, int], None] = lambda _what, _rows, _all: None
    dry: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a move: `tables` are the same on both sides; without any it was made before.
    `rows` says by table how many there are, where it was only looked."""

    tables: list[MovedTable] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)


def into_database(move: Move) -> Moved:
    """
    Raises:
        ConfigError: this home has no store.
        StoreError: somebody uses one of the stores, the database holds something, or one of them
            cannot be read or written.
    """
    from fleet.store.postgres.connection import Database
    from fleet.store.postgres.move_side import PostgresView
    from fleet.store.postgres.move_target import PostgresTarget
    from fleet.store.sqlite import FILE_NAME, moved
    from fleet.store.sqlite.shapes import shapes
    from fleet.store.sqlite.transfer import SqliteSource, SqliteView, locked

    home, file = move.home, move.home / FILE_NAME
    if moved.moved_to(home) == move.url.name:
        return Moved()
    moved.require_here(home)
    if not file.exists():
        raise ConfigError(f"there is no store in {home}", "no hub has served it yet", "fleet serve")
    with ExitStack() as stack:
        side = SqliteView if move.dry else SqliteSource
        source = side(home, file, move.kept, locked(home))
        stack.callback(source.close)
        source.begin()
        database = Database(move.url, move.password)
        view = PostgresView(database)
        stack.callback(view.close)
        view.begin()
        if _is_there(source, view, shapes()):
            if isinstance(source, SqliteSource):
                source.leave(view.name)
            return Moved()
        if not isinstance(source, SqliteSource):
            return Moved(rows={shape.table: source.count(shape) for shape in shapes()})
        target = PostgresTarget(database, str(home))
        target.begin(shapes())
        return _transfer(source, target, move, shapes())


def into_home(move: Move) -> Moved:
    """
    Raises:
        StoreError: as for `into_database`.
    """
    from fleet.store.postgres.connection import Database
    from fleet.store.postgres.move_side import PostgresView
    from fleet.store.postgres.move_source import PostgresSource
    from fleet.store.postgres.moved import AWAY
    from fleet.store.sqlite import FILE_NAME, moved
    from fleet.store.sqlite.shapes import shapes
    from fleet.store.sqlite.transfer import PART, SqliteTarget, SqliteView, locked

    home, file = move.home, move.home / FILE_NAME
    with ExitStack() as stack:
        target = SqliteTarget(home, home / PART, move.kept, locked(home))
        stack.callback(target.close)
        database = Database(move.url, move.password)
        view = PostgresView(database)
        stack.callback(view.close)
        view.begin()
        stands = file.exists() and not moved.moved_to(home)
        if view.noted_move() == (AWAY, str(home)) and stands:
            return Moved()
        view.require_store(shapes())
        source: PostgresView | PostgresSource = view
        if not move.dry:
            source = PostgresSource(database)
            stack.callback(source.close)
            source.begin()
            source.learn(shapes())
        if stands:
            there = SqliteView(home, file, move.kept, None)
            stack.callback(there.close)
            there.begin()
            if there.is_new and is_same(there, source, shapes()):
                if isinstance(source, PostgresSource):
                    source.leave(there.name)
                return Moved()
            there.require_empty()
        if not isinstance(source, PostgresSource):
            return Moved(rows={shape.table: view.count(shape) for shape in shapes()})
        target.begin()
        return _transfer(source, target, move, shapes())


def _is_there(source: Side, view: PostgresView, shapes: Sequence[Shape]) -> bool:
    """Whether the move was made, and only its last word is missing.

    Raises:
        StoreError: what is there is in the way.
    """
    from fleet.store.postgres.migrations import STEPS
    from fleet.store.postgres.moved import AWAY

    if (found := view.noted_move()) is not None:
        if found == (AWAY, source.name):
            raise StoreError(
                f"{view.name} was moved into this home",
                "what it holds is old",
                "an empty database: dropdb and createdb, or another name",
            )
        if found[1] != source.name:
            raise StoreError(
                f"{view.name} belongs to a move of {found[1]}",
                "another home's, or one that was renamed",
                "finish that, or an empty database: createdb ANOTHER",
            )
        return False
    view.require_ours()
    if view.version() != len(STEPS):
        return False
    view.learn(shapes)
    return not view.is_empty(shapes) and not view.leader() and is_same(source, view, shapes)


def _transfer(source: Source, target: Target, move: Move, shapes: Sequence[Shape]) -> Moved:
    rows = sum(source.count(shape) for shape in shapes)
    there = sum(target.count(shape) for shape in shapes)
    every = max(0, rows - there) + rows + (rows if there else 0)
    return Moved(transfer(source, target, shapes, lambda what, n: move.tell(what, n, every)))
