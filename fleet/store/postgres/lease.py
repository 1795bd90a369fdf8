"""Which hub leads: a row with a holder, an epoch that grows with every change, and an end.

Only the database's clock judges the end, and every write looks at the row in its own transaction:
whose machine has a wrong clock, or slept, can do no harm. A lease is a row and no lock of a
session, so that a pooler in transaction mode may stand between.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable

from psycopg import sql

from fleet.store.leadership import LEASE, LOOK, TTL, Held
from fleet.store.port import LeadershipLostError, StoreError
from fleet.store.postgres.connection import Connection, Database
from fleet.store.postgres.documents import StoredDocuments
from fleet.store.postgres.fleet_mark import keep_fleet, require_same_fleet
from fleet.store.postgres.following import PostgresLive
from fleet.store.postgres.migrations import LEASES, known_version, migrate
from fleet.store.postgres.requests import Requests
from fleet.store.postgres.sites import PostgresSites, enter
from fleet.store.sites import Sites


def _awake_or_not() -> float:
    """Seconds of a clock that only goes on, also while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """See `fleet.store.leadership.Leadership`.

    Args:
        fleet: the id of the fleet whose hub asks; empty: nobody looks whose database it is.
        holder: a name for this process that no other has.
        clock: seconds of a clock that only goes on, for what this process itself has seen.

    Attributes:
        renewed: by `clock`, when it was last certain that we hold the lease.
    """

    def __init__(
        self,
        database: Database,
        name: str = LEASE,
        holder: str = "",
        fleet: str = "",
        clock: Callable[[], float] = _awake_or_not,
    ) -> None:
        self.name = name
        self.holder = holder or f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._fleet = fleet
        self.documents = StoredDocuments(database, self.fence)
        self.live = PostgresLive(database, name, self.fence, lambda: self.epoch)
        self.requests = Requests(database, self.fence, lambda: self.epoch)
        self.sites: Sites | None = (
            PostgresSites(database, self.fence) if database.url.site else None
        )
        self.epoch: int | None = None
        self.renewed = float("-inf")
        self._database = database
        self._clock = clock
        self._seen: tuple[int, str] | None = None
        self._seen_since = 0.0

    @property
    def is_certain(self) -> bool:
        return self.epoch is not None and self._clock() - self.renewed < TTL

    def acquire(self) -> Held | None:
        """A lease whose row has not changed for as long as a lease lasts, by our own clock, is
        free as well: a database's clock that was set back must not keep it for a dead hub.
        """
        self._database.open()
        now = self._clock()
        taken, found = self._database.transaction(self._take)
        if taken is not None:
            self.epoch, self.renewed = taken, now
            self._seen = None
            return None
        return found

    def renew(self) -> None:
        now = self._clock()

        def renew(connection: Connection) -> bool:
            cursor = connection.execute(
                "UPDATE leader_leases SET expires = clock_timestamp() + make_interval(secs => %s)"
                " WHERE name = %s AND holder = %s AND epoch = %s",
                (TTL, self.name, self.holder, self.epoch),
            )
            return cursor.rowcount == 1

        if not self._database.transaction(renew):
            raise LeadershipLostError("another hub leads now", "its lease was taken over")
        self.renewed = now

    def release(self) -> None:
        """Let another hub lead at once; one that cannot be given up ends by itself."""
        if self.epoch is None:
            return
        epoch, self.epoch = self.epoch, None
        try:
            self._database.transaction(
                lambda connection: connection.execute(
                    "UPDATE leader_leases SET expires = '-infinity'"
                    " WHERE name = %s AND holder = %s AND epoch = %s",
                    (self.name, self.holder, epoch),
                )
            )
        except StoreError:
            return

    def fence(self) -> str:
        """The end of a transaction that only the leader may make.

        Raises:
            LeadershipLostError: we do not lead.
        """
        if self.epoch is None:
            raise LeadershipLostError("this hub does not lead", "it holds no lease")
        query = sql.SQL("SELECT hold_lease({}, {}, {}); COMMIT")
        return query.format(self.name, self.holder, self.epoch).as_string(None)

    def held(self) -> Held | None:
        """Who led last, for who asks, and for how long it still does; None: nobody ever did.

        Raises:
            StoreError: the database cannot be asked.
        """
        return self._database.snapshot(self._look)

    def _take(self, connection: Connection) -> tuple[int | None, Held | None]:
        if self._fleet:
            enter(connection, self._database.url, self._fleet)
        if known_version(connection) < LEASES:
            migrate(connection, LEASES)
        if self._fleet:
            require_same_fleet(connection, self._fleet, self._database.url)
        stuck = self._stuck(connection)
        row = connection.execute(
            "INSERT INTO leader_leases AS lease VALUES"
            " (%s, %s, 1, clock_timestamp() + make_interval(secs => %s))"
            " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder,"
            " epoch = lease.epoch + 1, expires = excluded.expires"
            " WHERE lease.expires < clock_timestamp() OR (lease.epoch = %s AND lease.expires ="
            " %s::timestamptz) RETURNING epoch",
            (self.name, self.holder, TTL, *(stuck or (None, None))),
        ).fetchone()
        if row is not None:
            if self._fleet:
                keep_fleet(connection, self._fleet)
            return int(row[0]), None
        return None, self._look(connection)

    def _stuck(self, connection: Connection) -> tuple[int, str] | None:
        """Epoch and end of a lease that nobody has renewed while we looked, for too long."""
        row = connection.execute(
            "SELECT epoch, expires::text FROM leader_leases WHERE name = %s", (self.name,)
        ).fetchone()
        seen = (int(row[0]), str(row[1])) if row else None
        now = self._clock()
        if seen != self._seen:
            self._seen, self._seen_since = seen, now
        return seen if now - self._seen_since > TTL + LOOK else None

    def _look(self, connection: Connection) -> Held | None:
        row = connection.execute(
            "SELECT holder, epoch, CASE WHEN isfinite(expires)"
            " THEN extract(epoch FROM expires - clock_timestamp()) ELSE 0 END"
            " FROM leader_leases WHERE name = %s",
            (self.name,),
        ).fetchone()
        return Held(row[0], row[1], float(row[2])) if row else None
