"""What a broker saw of two who share a client id."""

from __future__ import annotations

from pathlib import Path

from tests.support.broker import Mosquitto
from tests.support.sidecar import ROOT

HURRIED = {"PYTHONPATH": f"{Path(__file__).parent / 'hurried'}:{ROOT}"}
"""Environment in which who gave way looks again within seconds."""

UNASKED = {"PYTHONPATH": f"{Path(__file__).parent / 'unasked'}:{ROOT}"}
"""Environment in which a hub takes its place without having asked whether another has it."""


def connects(broker: Mosquitto, client_id: str) -> int:
    """How often somebody connected as `client_id`."""
    lines = broker.log.read_text().splitlines()
    return sum("New client connected" in line and f" as {client_id} " in line for line in lines)
