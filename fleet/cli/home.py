"""The store of a home, opened for reading beside a hub that may be running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fleet.contract.errors import ConfigError
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.store.sqlite import SqliteStore


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[SqliteStore]:
    """The store, for reading only.

    Raises:
        ConfigError: this home has none yet.
    """
    from fleet.store.sqlite import SqliteStore

    store = SqliteStore(settings.home)
    if not store.path.exists():
        raise ConfigError(
            f"there is no store in {settings.home}", "no hub has served it yet", "fleet serve"
        )
    try:
        yield store
    finally:
        await store.close()
