"""Whose database it is: the first hub that leads in it leaves the id of its fleet.

A dump takes it along. A hub of another fleet changes nothing.
"""

from __future__ import annotations

from typing import Final

from fleet.contract.store_url import StoreUrl
from fleet.store.port import StoreError
from fleet.store.postgres.connection import Connection

NAME: Final = "fleet"
"""Of the document that holds it."""


def require_same_fleet(connection: Connection, fleet: str, url: StoreUrl) -> None:
    """
    Raises:
        StoreError: the database is another fleet's.
    """
    row = connection.execute("SELECT text FROM document WHERE name = %s", (NAME,)).fetchone()
    if row is None or row[0] == fleet:
        return
    raise StoreError(
        f"the store {url} is another fleet's",
        f"it is of the fleet {str(row[0])[:8]}, this home of {fleet[:8]} (fleet.id)",
        "createdb for this fleet, and FLEET_STORE of it; or, for one more hub of that fleet, its"
        " home: fleet backup --home there, fleet restore here",
    )


def keep_fleet(connection: Connection, fleet: str) -> None:
    """Leave the id where there is none yet, inside the transaction that takes the lead."""
    connection.execute(
        "INSERT INTO document VALUES (%s, %s) ON CONFLICT (name) DO NOTHING", (NAME, fleet)
    )
