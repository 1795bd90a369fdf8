"""Connections to the server, one transaction at a time, and what its refusals mean.

Nothing here outlives a transaction: no prepared statement, session setting, temporary table or
session lock. So a pooler in transaction mode, such as PgBouncer, may stand between.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from fleet.contract.store_url import StoreUrl
from fleet.store.port import (
    LeadershipLostError,
    StoreError,
    StoreFullError,
    StoreRefusedError,
    StoreUnavailableError,
)
from fleet.store.postgres.refused_login import refused

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

PATIENCE: Final = 5.0
"""Seconds to wait for a connection; who asked tries again, or says that there is none."""

SILENT: Final = 30.0
"""Seconds without an answer after which a connection is given up: a server that hangs must not
hold a hub for ever."""

CLOSING: Final = 0.5
"""Seconds for each of the pool's own threads: one that still tries to connect ends by itself."""

IDLE: Final = "5s"
"""How long a transaction may wait for us: one of a hub that was stopped half-way must not hold
rows that the next one needs. Less than a lease lasts."""

FENCED: Final = "FL001"
"""The SQLSTATE by which our own function refuses the write of a hub that does not lead."""

_BEGIN: Final = f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '{IDLE}'"
_READ: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_FULL: Final = ("53100",)
_AWAY: Final = ("08", "53", "57", "58", "25P03", "25006", "40", "55P03")
"""SQLSTATEs, or how they begin, of what passes: no connection, no room for one, a server that
stops, starts, fails over (read only) or whose disk does not answer, a lock."""

_RIGHTS: Final = "42501"


class Database:
    """A few connections to one database, made anew where they break.

    Args:
        password: None lets libpq look for one itself (`PGPASSFILE`).
    """

    def __init__(self, url: StoreUrl, password: str | None = None, size: int = 4) -> None:
        self.url = url
        # The schema is of the site, and named in each transaction: see above.
        there = f"; SET LOCAL search_path = {url.schema}" if url.schema else ""
        self._begin = f"{_BEGIN}{there}"
        self._size = size
        self._busy: dict[int, tuple[Connection, float]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="store-watch", daemon=True)
        # The pool logs every attempt that fails; who asks says so, once.
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
        self._options: dict[str, Any] = {
            "autocommit": True,
            "prepare_threshold": None,
            "connect_timeout": int(PATIENCE),
            "tcp_user_timeout": int(SILENT * 1000),
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
        if password is not None:
            self._options["password"] = password
        self._pool = ConnectionPool(
            url.text,
            kwargs=self._options,
            min_size=0,
            max_size=size,
            open=False,
            reconnect_timeout=PATIENCE,
            max_idle=120,
            num_workers=2,
        )

    def open(self) -> None:
        """Begin to serve; safe to call twice. Nothing is asked of the server yet.

        Raises:
            StoreError: it was closed.
        """
        try:
            if not self._watcher.is_alive() and not self._closed.is_set():
                self._watcher.start()
            self._pool.open()
        except PoolClosed:
            raise StoreError("the store is closed") from None
        except psycopg.OperationalError as error:
            raise StoreError(f"the store {self.url} cannot be used", _said(error)) from None

    def break_off(self) -> None:
        """End whatever still waits for an answer; nothing is begun any more. It does not wait."""
        with self._lock:
            self._closed.set()
            for connection, _ in self._busy.values():
                _shut_down(connection)

    def close(self) -> None:
        """End, and with it whatever still waits for an answer; safe to call twice."""
        self.break_off()
        self._pool.close(timeout=CLOSING)

    def transaction(
        self, work: Callable[[Connection], T], end: str = "COMMIT", settings: str = ""
    ) -> T:
        """Do `work` whole or not at all, whatever ends it. `end` travels as one message, so that
        what it locks is held for no longer than it takes. `settings` hold until then.

        Raises:
            InDoubtError: the connection broke while it ended: it is whole, or not at all.
            StoreUnavailableError: not now, and nothing was written.
            StoreError: it was refused.
        """
        ending = False
        try:
            with self._begun(f"{self._begin}{settings}") as connection:
                result = work(connection)
                ending = True
                cursor = connection.execute(end)
                while cursor.nextset():
                    pass
                if cursor.statusmessage != "COMMIT":
                    raise StoreError("the store did not commit", cursor.statusmessage or "")
                return result
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise meaning(error, self.url, ending=ending) from None

    def snapshot(self, work: Callable[[Connection], T]) -> T:
        """Ask what may be several questions about one moment.

        Raises:
            StoreError: as for `transaction`.
        """
        try:
            with self._begun(f"{self._begin}; {_READ}") as connection:
                result = work(connection)
                connection.execute("COMMIT")
                return result
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise meaning(error, self.url) from None

    def _watch(self) -> None:
        """Break connections on which somebody waits for too long: he hears of it at once."""
        while not self._closed.wait(SILENT / 6):
            with self._lock:
                now = time.monotonic()
                for connection, since in self._busy.values():
                    if now - since > SILENT and not connection.closed:
                        _shut_down(connection)

    @contextlib.contextmanager
    def _begun(self, begin: str) -> Iterator[Connection]:
        """A connection of this thread's own, in a transaction; one that is not at rest afterwards
        is made so."""
        connection = self._take(begin)
        try:
            yield connection
        finally:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                with contextlib.suppress(psycopg.Error):
                    connection.rollback()
            self._give_back(connection)

    def _take(self, begin: str) -> Connection:
        """One that answers to `begin`: those that a server's end broke meanwhile are made anew.

        The pool could look by itself, but would do so without a bound, unwatched, and with one
        more round trip.
        """
        for attempt in range(self._size + 1):
            began = time.monotonic()
            connection = self._from_pool()
            with self._lock:
                self._busy[threading.get_ident()] = connection, began
                if self._closed.is_set():
                    _shut_down(connection)
            try:
                connection.execute(begin)
            except psycopg.Error as error:
                self._give_back(connection)
                broken = isinstance(error, psycopg.OperationalError)
                if not broken or attempt == self._size or time.monotonic() - began > PATIENCE:
                    raise
            else:
                return connection
        raise AssertionError  # the last attempt raises by itself

    def _from_pool(self) -> Connection:
        """One of the pool; where it has none, the reason, which the pool keeps to itself."""
        try:
            return self._pool.getconn(timeout=PATIENCE)
        except PoolTimeout:
            if self._closed.is_set():
                raise
            try:
                psycopg.connect(self.url.text, **self._options).close()
            except psycopg.OperationalError as error:
                self._refuse(error)
                raise
            raise

    def _refuse(self, error: psycopg.OperationalError) -> None:
        """
        Raises:
            StoreRefusedError: the server is there, and this login is not to its liking.
        """
        ours = ("autocommit", "prepare_threshold")
        options = {name: value for name, value in self._options.items() if name not in ours}
        lacks = error.pgconn is not None and error.pgconn.needs_password
        if lacks and "password" not in options:
            said, remedy = "the server wants a password", "FLEET_STORE_PASSWORD_FILE=…"
        elif state := refused(self.url, options, PATIENCE):
            said = f"{_said(error)} (SQLSTATE {state})"
            remedy = f"createdb, or psql '{self.url}' -c 'select 1' with the password of the file"
        else:
            return
        raise StoreRefusedError(f"the store {self.url} refuses this hub", said, remedy) from None

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            del self._busy[threading.get_ident()]
        self._pool.putconn(connection)


def _shut_down(connection: Connection) -> None:
    with contextlib.suppress(OSError, psycopg.Error):
        copy = socket.socket(fileno=os.dup(connection.fileno()))
        with contextlib.closing(copy):
            copy.shutdown(socket.SHUT_RDWR)


class InDoubtError(StoreUnavailableError):
    """The connection broke at the end of a transaction, which holds, or does not."""


def meaning(error: Exception, url: StoreUrl, *, ending: bool = False) -> StoreError:
    """What a refusal means to who asked."""
    said, state = _said(error), getattr(error, "sqlstate", None) or ""
    if isinstance(error, PoolClosed):
        return StoreError("the store is closed")
    if state == FENCED:
        return LeadershipLostError("another hub leads now", said)
    if state.startswith(_FULL):
        return StoreFullError("the store's disk is full", said, "free space on the database's disk")
    if isinstance(error, PoolTimeout):
        return StoreUnavailableError(
            f"the store {url} cannot be reached", "no connection", f"psql '{url}' -c 'select 1'"
        )
    if state.startswith(_AWAY) or (not state and isinstance(error, psycopg.OperationalError)):
        kind = InDoubtError if ending else StoreUnavailableError
        remedy = f"psql '{url}' -c 'select 1'"
        return kind(f"the store {url} is away or not ready", said, remedy)
    if state == _RIGHTS:
        remedy = "createdb --owner THE-USER THE-DATABASE: its tables are to be made by this user"
        return StoreError(f"the store {url} is not ours to use", said, remedy)
    return StoreError("the store refused a write", said, "the database's own log says more")


def password_of(file: Any) -> str | None:
    """The password in `file`, a path or None.

    Raises:
        ConfigError: it cannot be read, or others may read it.
    """
    from fleet.contract.secret_file import read_password

    return None if file is None else read_password(file)


def _said(error: Exception) -> str:
    """The server's first line: those that follow may show a row."""
    diagnostic = getattr(error, "diag", None)
    text = getattr(diagnostic, "message_primary", None) or str(error)
    return text.strip().split("\n", 1)[0]


__all__ = ["Connection", "Database", "InDoubtError", "meaning", "password_of"]
