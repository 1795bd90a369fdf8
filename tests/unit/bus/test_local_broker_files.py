"""What a broker of our own keeps in the home is for nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.bus.local_broker import LocalBroker


@pytest.mark.parametrize("make", ["_mosquitto", "_python"])
def test_its_configuration_is_closed_to_others(tmp_path: Path, make: str) -> None:
    broker = LocalBroker(tmp_path, 1883)
    getattr(broker, make)(*(["mosquitto"] if make == "_mosquitto" else []))
    [file] = tmp_path.iterdir()
    assert file.stat().st_mode & 0o077 == 0
