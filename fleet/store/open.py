"""The one door to the store of a home: who comes in need not know what keeps it.

An implementation is imported only when it is chosen, so that a command line starts without one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fleet.contract.errors import ConfigError
from fleet.settings import Settings
from fleet.store.port import Store, StoreReader
from fleet.store.retention import Retention


def hub_store(settings: Settings) -> Store:
    """The store of this home for its hub, which opens it.

    Raises:
        ConfigError: the table `[retention]` is not usable.
    """
    from fleet.store.sqlite import SqliteStore

    return SqliteStore(settings.home, Retention.of(settings.tables.get("retention", {})))


@asynccontextmanager
async def read_only(settings: Settings) -> AsyncIterator[StoreReader]:
    """The store of this home for a tool, beside a hub that may be running.

    Raises:
        ConfigError: this home has none yet.
    """
    from fleet.store.sqlite.reader import SqliteReader

    reader = SqliteReader(_existing(settings))
    try:
        yield reader
    finally:
        await reader.close()


def back_up(settings: Settings, target: Path) -> None:
    """Write a consistent copy to `target` (0600), whole or not at all, also while a hub serves.

    Raises:
        ConfigError: this home has no store yet.
        StoreError: the copy cannot be written.
    """
    from fleet.store.sqlite.backup import back_up as copy

    copy(_existing(settings), target)


def put_back(settings: Settings, copy: Path) -> str | None:
    """Make `copy` the store of this home; what the one before is called now, if there was one.

    Raises:
        StoreError: a hub serves this home, or the copy is no whole store of this version.
    """
    from fleet.store.sqlite.restore import BEFORE, restore

    return BEFORE if restore(copy, settings.home) else None


def _existing(settings: Settings) -> Path:
    from fleet.store.sqlite import FILE_NAME

    path = settings.home / FILE_NAME
    if not path.exists():
        raise ConfigError(
            f"there is no store in {settings.home}", "no hub has served it yet", "fleet serve"
        )
    return path
