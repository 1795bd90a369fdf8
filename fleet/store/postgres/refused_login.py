"""Why a server let nobody in: libpq says it in the server's language alone, and keeps the code to
itself. So it is asked once more, and the code read from libpq's own trace, which goes nowhere.
"""

from __future__ import annotations

import re
import select
import tempfile
import time
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from fleet.contract.store_url import StoreUrl

REFUSED: Final = ("28", "3D")
"""How the SQLSTATEs begin of a login that is wrong, or of a database that is not there."""

_code = re.compile(rb'ErrorResponse.*? C "([0-9A-Z]{5})"').findall


def refused(url: StoreUrl, options: dict[str, Any], patience: float) -> str:
    """What a server says: the SQLSTATE by which each one that answers refuses this login; empty:
    it does not, or nobody knows.

    Args:
        options: for libpq, the password among them.
        patience: seconds that it may take.
    """
    with tempfile.TemporaryFile() as trace:
        try:
            connection = psycopg.pq.PGconn.connect_start(
                make_conninfo(url.text, **options).encode()
            )
            try:
                connection.trace(trace.fileno())
                _follow(connection, time.monotonic() + patience)
                connection.untrace()
            finally:
                connection.finish()
        except (psycopg.Error, OSError):
            return ""
        trace.seek(0)
        said = [code.decode() for code in _code(trace.read())]
    return said[-1] if said and all(code.startswith(REFUSED) for code in said) else ""


def _follow(connection: psycopg.pq.abc.PGconn, until: float) -> None:
    """Let it connect, or fail to."""
    status = connection.connect_poll()
    while status in (psycopg.pq.PollingStatus.READING, psycopg.pq.PollingStatus.WRITING):
        place = [connection.socket]
        reading = status == psycopg.pq.PollingStatus.READING
        left = until - time.monotonic()
        if left <= 0 or not any(select.select(place * reading, place * (not reading), [], left)):
            return
        status = connection.connect_poll()
