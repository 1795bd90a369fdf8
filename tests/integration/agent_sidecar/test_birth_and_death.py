"""Birth, will and clean stop, as the hub sees them on a real broker."""

from __future__ import annotations

import signal
from typing import Any

from tests.support.broker import Mosquitto
from tests.support.sidecar import Listener, Sidecar
from tests.support.waiting import wait_until


def test_a_birth_says_running_and_what_runs(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    birth = hub.wait("status", state="running")
    assert birth["kind"] == "generic"
    assert birth["versions"]["sidecar"]
    beat = hub.wait("heartbeat", count=2)
    assert (beat["ok"], beat["interval"], beat["boot"]) == (True, 1, birth["boot"])
    assert beat["checks"]["broker"] == "pass"


def test_a_killed_sidecar_leaves_a_will_of_its_own_session(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    birth = hub.wait("status", state="running")
    sidecar.kill()
    will = hub.wait("status", state="offline")
    assert will["boot"] == birth["boot"]
    assert "seq" not in will
    assert hub.retained()["fleet/alpha/status"]["state"] == "offline"


def test_a_clean_stop_says_offline_and_leaves_no_will(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    assert sidecar.stop() == 0
    farewell = hub.wait("status", state="offline")
    assert "seq" in farewell
    assert len(hub.all("status", state="offline")) == 1


def test_a_new_session_has_a_greater_boot_though_the_clock_went_back(
    hub: Listener, sidecar: Sidecar
) -> None:
    sidecar.start()
    first = hub.wait("status", state="running")
    sidecar.kill()
    hub.wait("status", state="offline")
    sidecar.start("faketime", "-f", "-1h")

    def second() -> list[dict[str, Any]]:
        """Births of another session; the first one's may be sent again from the outbox."""
        born = hub.all("status", state="running")
        return [status for status in born if status["boot"] != first["boot"]]

    [later, *_] = wait_until(second, what="the second birth")
    assert later["boot"] > first["boot"]
    assert later["ts"] < first["ts"]


def test_hub_online_brings_a_new_birth(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    hub.notice("hub-online")

    def births() -> set[int]:
        return {status["seq"] for status in hub.all("status", state="running")}

    wait_until(lambda: len(births()) == 2)


def test_the_broker_may_come_later(broker: Mosquitto, sidecar: Sidecar) -> None:
    broker.stop()
    sidecar.start()
    wait_until(lambda: b"nothing listens there" in sidecar.log.read_bytes())
    broker.start()
    late = Listener(broker.port).start()
    late.wait("status", state="running")
    late.stop()


def test_sighup_reads_the_settings_again(hub: Listener, sidecar: Sidecar) -> None:
    env_file = sidecar.folder / "agent.env"
    env_file.parent.mkdir(parents=True, exist_ok=True)
    env_file.write_text("FLEET_INTERVAL=3600\n")
    del sidecar.settings["FLEET_INTERVAL"]
    sidecar.settings["FLEET_AGENT_ENV"] = str(env_file)
    sidecar.start()
    hub.wait("heartbeat", interval=3600)
    env_file.write_text("FLEET_INTERVAL=soon\n")
    sidecar.signal(signal.SIGHUP)
    wait_until(lambda: b"going on with the old settings" in sidecar.log.read_bytes())
    env_file.write_text("FLEET_INTERVAL=7200\nFLEET_RELOAD=signal:NONE\n")
    sidecar.signal(signal.SIGHUP)
    wait_until(lambda: b"names no signal" in sidecar.log.read_bytes())
    for setting in ("FLEET_ADR=/no-such-folder", "FLEET_COMMAND_KEYS=/no-such-keys"):
        env_file.write_text(f"FLEET_INTERVAL=7200\n{setting}\n")
        sidecar.signal(signal.SIGHUP)
        path = setting.partition("=")[2].encode()
        wait_until(lambda path=path: path in sidecar.log.read_bytes())  # type: ignore[misc]
    env_file.write_text("FLEET_INTERVAL=7200\n")
    sidecar.signal(signal.SIGHUP)
    hub.wait("heartbeat", interval=7200)
    assert hub.all("status", state="offline") == []


def test_every_message_of_a_session_has_its_own_number(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    hub.command("alpha", "status-report")
    hub.wait("heartbeat", count=3)
    sidecar.stop()
    hub.wait("status", state="offline")
    numbers = [item.number for item in hub.heard if item.number]
    assert len(set(numbers)) == len(numbers)
    assert sorted(number[1] for number in numbers) == list(range(len(numbers)))


def test_a_second_sidecar_of_the_same_agent_is_refused(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    second = sidecar.call("run")
    assert second.returncode == 3
    assert "another sidecar is at work" in second.stderr
    assert "Try: " in second.stderr
    assert "Traceback" not in second.stderr
