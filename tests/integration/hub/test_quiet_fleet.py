"""`fleet check` and `fleet status` as an operator sees them: stopped, dead, silenced, enrolled."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.provisioning.registry import Enrolled, Registry
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.served import Served, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    served = Served(tmp_path / "home", broker)
    yield served
    served.stop()


@pytest.fixture
def sidecars(tmp_path: Path, broker: Mosquitto) -> Iterator[dict[str, Sidecar]]:
    made = {name: Sidecar(tmp_path / name, broker.url, name) for name in ("ada", "bob")}
    yield made
    for sidecar in made.values():
        sidecar.kill()


def check(hub: Served) -> tuple[int, str]:
    done = fleet("check", environ=hub.environ)
    return done.returncode, done.stdout.partition(" | ")[0]


def states(hub: Served) -> dict[str, str]:
    return {agent["agent"]: agent["state"] for agent in hub.get("/v1/agents")["agents"]}


def severities(hub: Served) -> dict[str, str]:
    firing = hub.get("/v1/alerts")["alerts"]
    return {alert["agent"]: alert["severity"] for alert in firing}


def status(hub: Served) -> dict[str, Any]:
    done = fleet("status", "-o", "json", environ=hub.environ)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def hold(hub: Served, *words: str) -> None:
    assert fleet(*words, environ=hub.environ).returncode == 0


def wait_silences(hub: Served, count: int) -> None:
    wait_until(lambda: len(hub.get("/v1/silences")["silences"]) == count)


@pytest.mark.timeout(120)
def test_a_stop_warns_a_death_alarms_and_what_is_held_back_does_neither(
    hub: Served, sidecars: dict[str, Sidecar]
) -> None:
    hub.start()
    for sidecar in sidecars.values():
        sidecar.start()
    wait_until(lambda: states(hub) == {"ada": "ok", "bob": "ok"}, what="two well agents")
    assert check(hub) == (0, "FLEET OK - 2 ok")

    assert sidecars["ada"].stop() == 0
    wait_until(lambda: states(hub)["ada"] == "offline", what="the goodbye")
    assert check(hub) == (1, "FLEET WARNING - 1 stopped (ada), 1 ok")
    sidecars["bob"].kill()
    wait_until(lambda: states(hub)["bob"] == "offline", what="the will")
    assert check(hub) == (2, "FLEET CRITICAL - 1 stopped (ada), 1 offline (bob)")
    assert severities(hub) == {"ada": "warning", "bob": "critical"}

    hold(hub, "alerts", "silence", "--agent", "bob")
    assert check(hub) == (1, "FLEET WARNING - 1 stopped (ada), 1 silenced (bob)")
    hold(hub, "broadcast", "maintenance-begin")
    wait_silences(hub, 2)
    assert check(hub) == (0, "FLEET OK - 2 in maintenance (ada, bob)")
    assert [(p["severity"], p["silenced"]) for p in status(hub)["problems"]] == [("info", True)] * 2
    shown = fleet("status", environ=hub.environ).stdout.splitlines()
    assert shown[0] == "info      ada: agent-offline (in maintenance)"

    hold(hub, "broadcast", "maintenance-end")
    wait_silences(hub, 1)
    assert check(hub)[0] == 1
    hub.stop()
    assert check(hub) == (2, "FLEET CRITICAL - 1 stopped (ada), 1 offline (bob)"), "no hub: loud"


@pytest.mark.timeout(120)
def test_maintenance_by_its_own_word_does_not_hide_that_an_agent_died(
    hub: Served, sidecars: dict[str, Sidecar]
) -> None:
    hub.start()
    ada = sidecars["ada"].start()
    wait_until(lambda: states(hub) == {"ada": "ok"}, what="a well agent")
    ada.put("status", {"state": "maintenance", "ts": timestamp(time.time())})
    wait_silences(hub, 1)
    ada.kill()
    wait_until(lambda: states(hub)["ada"] == "offline", what="the will")
    assert check(hub) == (2, "FLEET CRITICAL - 1 offline (ada)")


@pytest.mark.timeout(120)
def test_the_list_of_the_enrolled_makes_ghosts_and_names_who_was_never_heard(
    hub: Served, sidecars: dict[str, Sidecar], broker: Mosquitto
) -> None:
    registry = Registry(hub.home)
    for name in ("ada", "zoe"):
        registry.save(Enrolled(name))
    hub.start()
    sidecars["ada"].start()
    guy = Publisher(broker, "guy")
    guy.publish("heartbeat", json.dumps({"ok": True, "ts": timestamp(time.time())}), retain=True)
    expected = {"ada": "ok", "guy": "ghost", "zoe": "unknown"}
    wait_until(lambda: states(hub) == expected, what=f"{expected}")
    assert severities(hub) == {"guy": "warning"}
    counts = {word: n for word, n in hub.get("/v1/stats")["agents"].items() if n}
    assert counts == hub.get("/v1/agents")["counts"] == dict.fromkeys(counts, 1)
    assert set(counts) == {"ok", "ghost", "unknown"}
    found = {agent["agent"]: agent["state"] for agent in status(hub)["agents"]}
    assert found == expected, "the command line asks the hub"
    assert check(hub) == (1, "FLEET WARNING - 1 ghost (guy), 1 unknown (zoe), 1 ok")
    assert fleet("verify", "zoe", "--unit", "none", environ=hub.environ).returncode == 3

    registry.save(Enrolled("guy"))
    wait_until(lambda: states(hub)["guy"] == "ok", what="the enrolment")
    wait_until(lambda: not severities(hub), what="the end of the alert")
    assert check(hub) == (3, "FLEET UNKNOWN - 1 unknown (zoe), 2 ok"), "who never reports is not ok"
    hub.stop()
    alone = fleet("status", "-o", "json", environ=hub.environ)
    found = {agent["agent"]: agent["state"] for agent in json.loads(alone.stdout)["agents"]}
    assert found == {"ada": "ok", "guy": "ok", "zoe": "unknown"}
    assert "from the broker alone: ghosts, silences and clock skew are not known" in alone.stderr
    guy.close()


def test_who_is_only_found_retained_is_never_called_well_by_a_hub_that_starts(
    hub: Served, broker: Mosquitto
) -> None:
    """It beat once in ten seconds, ten minutes ago: until the hub has listened, nobody knows."""
    ada = Publisher(broker, "ada")
    old = timestamp(time.time() - 600)
    beat = {"ok": True, "ts": old, "interval": 10}
    ada.publish("heartbeat", json.dumps(beat).encode(), retain=True).wait_for_publish(10)
    ada.close()
    hub.start()
    seen: list[tuple[str, int]] = []

    def is_stale() -> bool:
        state, line = states(hub).get("ada"), hub.get("/metrics", "viewer")
        if state is not None:
            well = 'fleet_agent_state{agent="ada",state="ok"} 1' in line
            seen.append((state, well))
        return state == "stale"

    wait_until(is_stale, what="the judgement of silence")
    assert {state for state, _ in seen} <= {"unknown", "stale"}
    assert not any(well for _, well in seen)


def test_a_window_ends_by_its_name_and_a_code_that_nobody_raises_is_refused(hub: Served) -> None:
    hub.home.mkdir()
    minute = time.gmtime().tm_min
    (hub.home / "fleet.toml").write_text(
        f"[maintenance.hourly]\ncron = '{minute} * * * *'\nfor = '30m'\nagent = 'ada'\n"
        "[maintenance.rare]\ncron = '0 0 29 2 *'\nfor = '1m'\n"
    )
    hub.start()

    def windows() -> list[str]:
        return [s["window"] for s in hub.get("/v1/silences")["silences"]]

    def end(name: str) -> str:
        return fleet("maintenance", "end", name, environ=hub.environ).stderr

    wait_until(lambda: windows() == ["hourly"], what="the window that is open")
    assert "the window rare is not open: it opens at" in end("rare")
    assert "no maintenance hurly is on or planned" in end("hurly")
    assert "is over" in end("hourly")
    assert windows() == []
    silence = fleet("alerts", "silence", "--code", "agent-ofline", environ=hub.environ)
    assert silence.returncode == 3
    assert "no alert has that code: it would hold nothing back" in silence.stderr
    assert "Try: agent-offline" in silence.stderr
