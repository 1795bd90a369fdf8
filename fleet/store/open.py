"""The one door to the store of a home: who comes in need not know what keeps it.

An implementation is imported only when it is chosen, so that a command line starts without one.
"""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fleet.contract.errors import ConfigError
from fleet.contract.store_url import StoreUrl
from fleet.settings import Settings
from fleet.store.leadership import LEASE
from fleet.store.port import Store, StoreReader
from fleet.store.retention import Retention
from fleet.store.shared import Following

if TYPE_CHECKING:
    from fleet.store.postgres.connection import Database
    from fleet.store.postgres.followed_store import FollowedStore


def has_store(settings: Settings) -> bool:
    """Whether a hub has ever served this home; of a store elsewhere that is not asked."""
    return settings.store is not None or is_in_home(settings)


def is_in_home(settings: Settings) -> bool:
    """Whether the home itself has a store, which a copy of it takes along."""
    from fleet.store.sqlite import FILE_NAME

    return settings.store is None and (settings.home / FILE_NAME).exists()


def hub_store(settings: Settings) -> Store:
    """The store of this home for its hub, which opens it.

    Raises:
        ConfigError: the table `[retention]`, the password of the store, or what says which fleet
            this is, is not usable.
        StoreError: it was moved elsewhere.
    """
    retention = Retention.of(settings.tables.get("retention", {}))
    if settings.store is not None:
        from fleet.store.identity import identity
        from fleet.store.postgres import PostgresStore
        from fleet.store.postgres.lease import Lease

        database = _database(settings, settings.store)
        lease = Lease(database, fleet=identity(settings))
        return PostgresStore(database, retention, lease)
    from fleet.store.sqlite import SqliteStore
    from fleet.store.sqlite.moved import require_here

    require_here(settings.home)
    return SqliteStore(settings.home, retention)


def followed_store(settings: Settings) -> tuple[FollowedStore, Following]:
    """The store of this home for a hub that reads beside the one that leads.

    Raises:
        ConfigError: as for `hub_store`; or the store is in the home, which one hub has alone.
    """
    if settings.store is None:
        raise ConfigError("the store is in the home", "one hub has it alone", "FLEET_STORE=…")
    from fleet.store.postgres.followed_store import FollowedStore
    from fleet.store.postgres.following import PostgresFollowing

    database = _database(settings, settings.store)
    retention = Retention.of(settings.tables.get("retention", {}))
    return FollowedStore(database, retention), PostgresFollowing(database, LEASE)


@asynccontextmanager
async def read_only(settings: Settings) -> AsyncIterator[StoreReader]:
    """The store of this home for a tool, beside a hub that may be running.

    Raises:
        ConfigError: this home has none yet.
        StoreError: it was moved elsewhere.
    """
    reader = _reader(settings)
    try:
        yield reader
    finally:
        await reader.close()


def _reader(settings: Settings) -> ClosableReader:
    if settings.store is not None:
        from fleet.store.postgres.reader import PostgresReader

        database = _database(settings, settings.store)
        database.open()
        return PostgresReader(database)
    from fleet.store.sqlite.reader import SqliteReader

    return SqliteReader(_existing(settings))


def reserve_name(settings: Settings, agent: str) -> None:
    """Before an agent is enrolled: take its name, where the fleet has sites.

    Raises:
        ConfigError: another site has an agent of that name.
        StoreError: the database cannot be asked.
    """
    if settings.store is None or not settings.site:
        return
    from fleet.store.postgres.sites import reserve

    database = _database(settings, settings.store)
    try:
        reserve(database, agent)
    finally:
        database.close()


def remove_site(settings: Settings, name: str) -> None:
    """Forget a site that is closed for good.

    Raises:
        ConfigError: there is no such site, or a hub of it still leads.
        StoreError: the database cannot be asked.
    """
    if settings.store is None:
        raise ConfigError("the store is in the home", "it has no sites", "FLEET_STORE=…")
    from fleet.store.postgres.sites import remove

    database = _database(settings, settings.store.at(name))
    try:
        remove(database, name)
    finally:
        database.close()


@dataclass(frozen=True, slots=True)
class Look:
    """A store elsewhere: its schema, the newest that we know, who leads (empty: nobody)."""

    version: int
    newest: int
    leader: str


def look_elsewhere(settings: Settings) -> Look:
    """The store that the settings name, looked at without a change.

    Raises:
        ConfigError: its password is not usable, or it is in the home.
        StoreError: it cannot be reached, or is of a newer version.
    """
    if settings.store is None:
        raise ConfigError("the store is in the home", "FLEET_STORE names none", "FLEET_STORE=…")
    from fleet.store.postgres.lease import Lease
    from fleet.store.postgres.migrations import LEASES, STEPS, known_version

    database = _database(settings, settings.store)
    try:
        database.open()
        version = database.snapshot(known_version)
        held = Lease(database).held() if version >= LEASES else None
    finally:
        database.close()
    return Look(version, len(STEPS), held.holder if held and held.left > 0 else "")


def back_up(settings: Settings, target: Path) -> None:
    """Write a consistent copy to `target` (0600), whole or not at all, also while a hub serves.

    Raises:
        ConfigError: this home has no store yet, or it is elsewhere and has tools of its own.
        StoreError: the copy cannot be written.
    """
    _require_in_home(settings, f"pg_dump --format=custom --file={target} {_quoted(settings)}")
    from fleet.store.sqlite.backup import back_up as copy

    copy(_existing(settings), target)


def put_back(settings: Settings, copy: Path) -> str | None:
    """Make `copy` the store of this home; what the one before is called now, if there was one.

    Raises:
        ConfigError: the settings name a store elsewhere, which has tools of its own.
        StoreError: a hub serves this home, or the copy is no whole store of this version.
    """
    line = (
        f"pg_restore --clean --if-exists --single-transaction --dbname={_quoted(settings)} {copy}"
    )
    _require_in_home(settings, line)
    from fleet.store.sqlite.restore import BEFORE, restore

    return BEFORE if restore(copy, settings.home) else None


def require_whole(home: Path) -> None:
    """
    Raises:
        StoreError: there is a store, and it is damaged, not ours or of a newer version.
    """
    from fleet.store.sqlite import FILE_NAME
    from fleet.store.sqlite.restore import judge

    if (home / FILE_NAME).exists():
        # A hub that serves has some of it in the log beside it.
        log = (home / FILE_NAME).with_name(f"{FILE_NAME}-wal")
        judge(home / FILE_NAME, alone=not log.exists())


class ClosableReader(StoreReader, Protocol):
    """What a tool opens for itself."""

    async def close(self) -> None: ...


def _database(settings: Settings, url: StoreUrl) -> Database:
    from fleet.store.postgres.connection import Database, password_of

    return Database(url, password_of(settings.store_password_file))


def _require_in_home(settings: Settings, line: str) -> None:
    """
    Raises:
        ConfigError: the store is a database elsewhere; `line` does it there.
    """
    if settings.store is not None:
        raise ConfigError(
            "the store is not in the home",
            "a database is saved and put back by its own tools",
            line,
        )


def _quoted(settings: Settings) -> str:
    return shlex.quote(str(settings.store))


def _existing(settings: Settings) -> Path:
    from fleet.store.sqlite import FILE_NAME
    from fleet.store.sqlite.moved import require_here

    require_here(settings.home)
    path = settings.home / FILE_NAME
    if not path.exists():
        raise ConfigError(
            f"there is no store in {settings.home}", "no hub has served it yet", "fleet serve"
        )
    return path
