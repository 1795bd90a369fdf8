"""Who was revoked is gone: no ghost, also after a restart, and no alert that nobody can end."""

from __future__ import annotations

import time
from pathlib import Path

from fleet.provisioning.registry import Enrolled, Registry
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess, Publisher, wait_stored
from tests.support.waiting import wait_until

BEAT = b'{"ok":true,"ts":"2026-03-18T21:30:00Z","alerts":["disk-pressure"],"boot":1,"seq":%d}'


def test_a_revoked_agent_does_not_come_back_as_a_ghost(tmp_path: Path, broker: Mosquitto) -> None:
    home = tmp_path / "home"
    home.mkdir()
    registry = Registry(home)
    for name in ("larry", "moe"):
        registry.save(Enrolled(name))
    hub = HubProcess(home, broker).start()
    larry, moe = Publisher(broker, "larry"), Publisher(broker, "moe")

    def firing() -> set[object]:
        return {row[0] for row in hub.query("SELECT agent FROM alert WHERE state = 'firing'")}

    try:
        larry.publish_all("heartbeat", [BEAT % 0])
        moe.publish_all("heartbeat", [BEAT % 0])
        wait_stored(hub, 2)
        hub.stop()  # records and alerts are stored now
        assert firing() == {"larry", "moe"}
        registry.revoke("larry", time.time())  # while no hub runs
        hub.start()
        moe.publish_all("heartbeat", [BEAT % 1])
        wait_stored(hub, 3)
        wait_until(lambda: firing() == {"moe"}, what="the end of larry")
        hub.kill()  # and a restart that replays what is stored
        hub.start()
        moe.publish_all("heartbeat", [BEAT % 2])
        wait_stored(hub, 4)
        hub.stop()
        assert firing() == {"moe"}
        assert hub.query("SELECT agent FROM record") == [("moe",)]
        told = hub.query("SELECT word FROM event WHERE agent = 'larry' AND fact = 'alert-firing'")
        assert ("agent-ghost",) not in told
    finally:
        hub.stop()
        larry.close()
        moe.close()
