"""A sidecar beside nothing, and a hub that hears it, on the test's own broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.sidecar import Listener, Sidecar


@pytest.fixture
def hub(broker: Mosquitto) -> Iterator[Listener]:
    """Hears everything and sends no receipts."""
    listener = Listener(broker.port).start()
    yield listener
    listener.stop()


@pytest.fixture
def receipting(broker: Mosquitto) -> Iterator[Listener]:
    """Hears everything and receipts it."""
    listener = Listener(broker.port, receipts=True).start()
    yield listener
    listener.stop()


@pytest.fixture
def sidecar(tmp_path: Path, broker: Mosquitto) -> Iterator[Sidecar]:
    """Not started yet: a test may want other settings first."""
    made = Sidecar(tmp_path / "agent", broker.url)
    yield made
    made.kill()
