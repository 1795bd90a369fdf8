"""The table `fleet_move`: while it is there, no hub opens this database. It says that a move into
it is not finished, or that what it held was moved away."""

from __future__ import annotations

from typing import Final

from fleet.store.port import StoreError
from fleet.store.postgres.connection import Connection

INTO, AWAY = "into", "away"

_MAKE: Final = (
    "CREATE TABLE fleet_move (direction TEXT NOT NULL, other TEXT NOT NULL, run TEXT NOT NULL)"
)


def found(connection: Connection) -> tuple[str, str] | None:
    """Direction, and the other side; None: there is no move."""
    row = connection.execute("SELECT to_regclass('fleet_move') IS NOT NULL").fetchone()
    if not row or not row[0]:
        return None
    move = connection.execute("SELECT direction, other FROM fleet_move").fetchone()
    return (move[0], move[1]) if move else None


def begin(connection: Connection, direction: str, other: str, run: str) -> None:
    """Note a move, or that the run `run` of one goes on, inside a transaction."""
    if found(connection) is None:
        connection.execute(_MAKE)
    connection.execute("DELETE FROM fleet_move")
    connection.execute("INSERT INTO fleet_move VALUES (%s, %s, %s)", (direction, other, run))


def hold(connection: Connection, run: str) -> None:
    """
    Raises:
        StoreError: another run of the move goes on.
    """
    if connection.execute("UPDATE fleet_move SET run = run WHERE run = %s", (run,)).rowcount != 1:
        raise StoreError("another move into this store goes on", "it began later", "wait for it")


def end(connection: Connection) -> None:
    connection.execute("DROP TABLE fleet_move")


def require_no_move(connection: Connection) -> None:
    """
    Raises:
        StoreError: a move into this database is not finished, or one out of it is.
    """
    direction, other = found(connection) or ("", "")
    if direction == INTO:
        raise StoreError(
            "a move into this store is not finished",
            f"it comes from {other}, and goes on where it was",
            "where that home is: fleet store migrate postgresql://…, with this store's address",
        )
    if direction == AWAY:
        raise StoreError(
            "this store was moved away",
            f"{other} has it now",
            "take store out of fleet.toml there, and FLEET_STORE out of the environment;"
            " or, to go on with this one, DROP TABLE fleet_move in it",
        )
