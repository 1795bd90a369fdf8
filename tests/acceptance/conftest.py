"""What the tests of the page share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.chromium import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium of this module's: its driver holds the thread's event loop while it runs."""
    with chromium() as started:
        yield started
