"""A database that is moved away: the move itself holds the lease, so that no hub leads."""

from __future__ import annotations

import threading

from fleet.store.leadership import RENEW
from fleet.store.port import LeadershipLostError, StoreError
from fleet.store.postgres import moved
from fleet.store.postgres.connection import Database
from fleet.store.postgres.lease import Lease
from fleet.store.postgres.migrations import known_version, migrate
from fleet.store.postgres.move_side import STOP, PostgresSide


class PostgresSource(PostgresSide):
    """See `fleet.store.transfer.sides.Source`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._lease = Lease(database)
        self._lease.holder += "/move"
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name="move-lease", daemon=True)

    def begin(self) -> None:
        self.database.open()
        self.database.snapshot(known_version)
        held = self._lease.acquire()
        if held is not None:
            raise StoreError(
                f"{held.holder} leads on {self.name}",
                f"a store is moved at rest; a lease that nobody renews ends in {held.left:.0f} s",
                STOP,
            )
        self._renewer.start()
        self.database.transaction(migrate, self._lease.fence())

    def require_at_rest(self) -> None:
        try:
            self._lease.renew()
        except LeadershipLostError:
            raise StoreError(
                f"a hub wrote to {self.name} meanwhile",
                "this move slept for longer than its lease",
                "stop every hub on it, then the same again",
            ) from None

    def leave(self, to: str) -> None:
        self.database.transaction(
            lambda connection: moved.begin(connection, moved.AWAY, to, ""), self._lease.fence()
        )

    def close(self) -> None:
        self._ended.set()
        if self._renewer.is_alive():
            self._renewer.join()
        self._lease.release()
        super().close()

    def _renew(self) -> None:
        while not self._ended.wait(RENEW):
            try:
                self._lease.renew()
            except LeadershipLostError:
                return
            except StoreError:
                continue  # it may still be ours; the end of the move asks
