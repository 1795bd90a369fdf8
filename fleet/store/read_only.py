"""The store of a home, opened for reading beside a hub that may be running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fleet.contract.errors import ConfigError
from fleet.store.sqlite import SqliteStore


@asynccontextmanager
async def open_store(home: Path) -> AsyncIterator[SqliteStore]:
    """The store, for reading only.

    Raises:
        ConfigError: this home has none yet.
    """
    store = SqliteStore(home)
    if not store.path.exists():
        raise ConfigError(f"there is no store in {home}", "no hub has served it yet", "fleet serve")
    try:
        yield store
    finally:
        await store.close()
