"""Drift from end to end: files of real sidecars, the hub's alert, and what `fleet status` lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.provisioning.registry import Enrolled, Registry
from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

NAMES = ("ann", "bob", "cid", "dee")


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    """A hub whose four agents belong to one group."""
    served = Served(tmp_path / "hub", broker)
    for name in NAMES:
        Registry(served.home).save(Enrolled(name, groups=("edge",)))
    yield served.start()
    served.stop()


@pytest.fixture
def sidecars(tmp_path: Path, broker: Mosquitto) -> Iterator[dict[str, Sidecar]]:
    """Sidecars of the agents, not started yet; `dee` has a profile of her own."""
    found = {}
    for name in NAMES:
        soul = tmp_path / name / "profile/SOUL.md"
        soul.parent.mkdir(parents=True)
        soul.write_text("other" if name == "dee" else "alike")
        found[name] = Sidecar(
            tmp_path / name, broker.url, name, FLEET_KIND="generic", FLEET_PROFILE=str(soul.parent)
        )
    yield found
    for sidecar in found.values():
        sidecar.stop()


def test_who_changes_or_differs_from_the_group_is_named(
    hub: Served, sidecars: dict[str, Sidecar]
) -> None:
    def agents() -> dict[str, Any]:
        return {one["agent"]: one for one in hub.ask("GET", "/v1/agents")[1]["agents"]}

    def drifted() -> list[str]:
        return sorted(name for name, one in agents().items() if "config-drift" in one["alerts"])

    def listed() -> list[tuple[str, list[str]]]:
        done = fleet("status", "--drift", "-o", "json", environ=hub.environ)
        assert done.returncode == 0, done.stderr
        items = [item for item in json.loads(done.stdout) if item["what"] == "config"]
        return [(item["group"], item["agents"]) for item in items]

    alike = NAMES[:3]
    for name in alike:
        sidecars[name].start()
    wait_until(
        lambda: all(agents().get(name, {}).get("config") for name in alike), what="three digests"
    )
    assert len({agents()[name]["config"] for name in alike}) == 1, "alike in any folder"
    assert (drifted(), listed()) == ([], [])

    soul = sidecars["cid"].folder / "profile/SOUL.md"
    soul.write_text("changed")
    wait_until(lambda: drifted() == ["cid"], what="the alert on a change")
    assert listed() == [("edge", ["cid"]), ("edge", ["ann", "bob"])]
    soul.write_text("alike")
    wait_until(lambda: drifted() == [], what="the end of it")

    sidecars["dee"].start()
    wait_until(lambda: drifted() == ["dee"], what="the alert on one that never was alike")
    assert listed() == [("edge", ["dee"]), ("edge", list(alike))]
