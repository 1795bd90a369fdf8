"""Agents whose clocks are an hour off: told, and never blamed for silence."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    not shutil.which("faketime"), reason="faketime is not installed; sh scripts/test.sh installs it"
)

CLOCKS = {"true": (), "ahead": ("faketime", "-f", "+1h"), "behind": ("faketime", "-f", "-1h")}


@pytest.fixture
def sidecars(tmp_path: Path, broker: Mosquitto) -> Iterator[dict[str, Sidecar]]:
    made = {
        name: Sidecar(tmp_path / name, broker.url, name).start(*clock)
        for name, clock in CLOCKS.items()
    }
    yield made
    for sidecar in made.values():
        sidecar.kill()


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto, sidecars: dict[str, Sidecar]) -> Iterator[Served]:
    """Its first start finds everybody by what is retained, dated by their clocks."""
    for name in sidecars:
        topic = f"fleet/{name}/heartbeat"
        subprocess.run(
            ["mosquitto_sub", "-p", str(broker.port), "-t", topic, "-C", "1", "-W", "30"],
            check=True, capture_output=True, timeout=40,
        )  # fmt: skip
    served = Served(tmp_path / "home", broker).start()
    yield served
    served.stop()


def alerts(hub: Served) -> set[tuple[str, str]]:
    found = hub.get("/v1/alerts?history=true")["alerts"]
    return {(alert["agent"], alert["code"]) for alert in found}


def agents(hub: Served) -> dict[str, dict[str, Any]]:
    return {agent["agent"]: agent for agent in hub.get("/v1/agents")["agents"]}


def well(hub: Served) -> bool:
    found = agents(hub)
    young = all(one["age"] is not None and one["age"] < 2.5 for one in found.values())
    return young and {n: a["state"] for n, a in found.items()} == dict.fromkeys(CLOCKS, "ok")


@pytest.mark.timeout(120)
def test_a_clock_an_hour_off_is_told_and_makes_nobody_stale(hub: Served) -> None:
    skewed = {("ahead", "clock-skew"), ("behind", "clock-skew")}
    wait_until(lambda: alerts(hub) >= skewed, what="both clocks told")
    seen = agents(hub)
    assert abs(seen["ahead"]["skew"] + 3600) < 60
    assert abs(seen["behind"]["skew"] - 3600) < 60
    beats = seen["behind"]["seq"]
    wait_until(lambda: agents(hub)["behind"]["seq"] > beats + 5, what="more beats, of 1 s each")
    wait_until(lambda: well(hub), what="all of them well, by the hub's own ages")
    assert alerts(hub) == skewed, "and no other alert ever fired"
    done = fleet("check", environ=hub.environ)
    line = "FLEET WARNING - 3 ok; ahead: clock-skew, behind: clock-skew"
    assert (done.returncode, done.stdout.partition(" | ")[0]) == (1, line), "as the hub tells it"
    seen_by_cli = json.loads(fleet("status", "-o", "json", environ=hub.environ).stdout)["agents"]
    assert {one["agent"]: one["state"] for one in seen_by_cli} == dict.fromkeys(CLOCKS, "ok")

    hub.stop()
    hub.start()  # now it finds them by retained messages, dated by those clocks
    wait_until(lambda: well(hub), what="all of them well again")
    assert alerts(hub) == skewed
