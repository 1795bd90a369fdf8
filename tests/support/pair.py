"""Two real Mosquittos with the bridge between them that `fleet broker config --standby` writes."""

from __future__ import annotations

import signal
from pathlib import Path

from fleet.bus.local_broker import LIMITS, STATE
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.topics import Topics
from fleet.provisioning.standby import bridge
from tests.support.broker import Mosquitto


class Pair:
    """`first` and `second`; the bridge stands in the second. Nobody needs an account here."""

    def __init__(self, folder: Path) -> None:
        lines = (*LIMITS, *STATE[1:])
        self.first = Mosquitto(folder / "first", lines, persistence=True)
        joined = bridge(Topics(), BrokerUrl.parse(self.first.url), "secret", Path())
        # Last: what follows `connection` belongs to the bridge.
        self.second = Mosquitto(folder / "second", (*lines, *joined.splitlines()), persistence=True)

    @property
    def url(self) -> str:
        """As it stands in `FLEET_BROKER`."""
        return f"{self.first.url},{self.second.url}"

    def start(self) -> Pair:
        self.first.start()
        self.second.start()
        return self

    def kill(self) -> None:
        for broker in (self.first, self.second):
            if broker.runs:
                broker.send_signal(signal.SIGCONT)
            broker.kill()
