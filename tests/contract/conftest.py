"""A place for a store, of each kind in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fleet.store.port import Store
from fleet.store.work_port import WorkStore
from tests.support.stores import PLACES, Place


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return PLACES[request.param](tmp_path)


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    """An open store on `place`."""
    store = place.store()
    store.open()
    yield store
    await store.close()


@pytest.fixture
def work(store: Store) -> WorkStore:
    """The work of an open store."""
    return store.work
