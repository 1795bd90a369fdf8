"""Fixtures that every part of the tests may use."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto

# Whoever runs the tests under `nohup` has it ignored, and every program that they start, too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto of this test's own, open to all on loopback."""
    mosquitto = Mosquitto(tmp_path / "broker").start()
    yield mosquitto
    mosquitto.stop()
