"""One hub for the tests of the HTTP interface: they use agents of their own names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.served import Served


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    yield served
    served.stop()
    broker.stop()
