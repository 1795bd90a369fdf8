"""`fleet serve` on a machine whose clock is wrong: by an hour, 30 days, ten years, both ways.

Real processes under libfaketime, which leaves the monotonic clock alone, as a real jump does.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.store.records import Batch, StoredMessage
from fleet.store.sqlite import FILE_NAME, SqliteStore
from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.sidecar import Sidecar
from tests.support.stores import STATUS
from tests.support.waiting import wait_until

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("faketime") and LIBRARY),
        reason="faketime is not installed; sh scripts/test.sh installs it",
    ),
    pytest.mark.timeout(400),
]

HOUR, DAY = 3_600, 86_400
AHEAD = [HOUR, 30 * DAY, 3_650 * DAY]
BEHIND = [-jump for jump in AHEAD]
AGENTS = ("ada", "bob", "cy")
PATIENCE = 90.0
OLD = 500
"""Messages of thirteen days ago: a clock that is a day ahead would wipe them out."""


class Machine:
    """A hub whose machine's clock can be set, and three agents on machines of their own."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.clock = folder / "clock"
        self.set(0)
        self.hub = Served(
            folder / "home",
            broker,
            LD_PRELOAD=str(LIBRARY),
            FAKETIME_TIMESTAMP_FILE=str(self.clock),
            FAKETIME_CACHE_DURATION="1",
            DONT_FAKE_MONOTONIC="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        )
        self.sidecars = [
            Sidecar(folder / name, broker.url, name, FLEET_INTERVAL="3") for name in AGENTS
        ]

    def start(self) -> Served:
        """The hub first: of what was said before it, it would miss some."""
        self.hub.start()
        for sidecar in self.sidecars:
            sidecar.start()
        wait_until(self.well, PATIENCE, "all three are well")
        return self.hub

    def set(self, error: int) -> None:
        """Set the clock; the hub notices within a second."""
        part = self.clock.with_suffix(".part")
        part.write_text(f"{error:+d}\n")
        part.replace(self.clock)

    def firing(self) -> set[tuple[str | None, str]]:
        """Now: one that comes and goes, as a clock here does, stays listed as flapping."""
        alerts = self.hub.get("/v1/alerts")["alerts"]
        return {(one["agent"], one["code"]) for one in alerts if one["state"] == "firing"}

    def blamed(self) -> bool:
        """Whether the machine's clock is."""
        return (None, "hub-clock") in self.firing()

    def verdicts(self) -> dict[str, str]:
        return {one["agent"]: one["state"] for one in self.hub.get("/v1/agents")["agents"]}

    def query(self, text: str) -> list[int]:
        path = self.hub.home / FILE_NAME
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return [number for (number,) in database.execute(text)]
        finally:
            database.close()

    def wait_for_beats(self, number: int) -> None:
        """Until so many more heartbeats are stored: the hub has ticked, and upkeep has run."""
        [before] = self.query("SELECT count(*) FROM message WHERE kind = 0")
        wait_until(
            lambda: self.query("SELECT count(*) FROM message WHERE kind = 0")[0] >= before + number,
            PATIENCE, "more heartbeats",
        )  # fmt: skip

    def ever_fired(self) -> set[str]:
        return {alert["code"] for alert in self.hub.get("/v1/alerts?history=true")["alerts"]}

    def well(self) -> bool:
        return self.verdicts() == dict.fromkeys(AGENTS, "ok")


@pytest.fixture
def machine(tmp_path: Path, broker: Mosquitto) -> Iterator[Machine]:
    machine = Machine(tmp_path, broker)
    yield machine
    for sidecar in machine.sidecars:
        sidecar.kill()
    machine.hub.stop()


def remember_thirteen_days(home: Path) -> None:
    """What an earlier hub left in the store."""

    async def fill() -> None:
        store = SqliteStore(home)
        store.open()
        at = time.time() - 13 * DAY
        payload = b'{"state":"running","ts":"2026-01-01T00:00:00Z"}'
        messages = [
            StoredMessage(n, at + n, "ada", STATUS, False, payload) for n in range(1, OLD + 1)
        ]
        latest = StoredMessage(OLD + 1, time.time() - HOUR, "ada", STATUS, False, payload)
        await store.commit(Batch([*messages, latest], replay_from=OLD + 2))
        while await store.upkeep(time.time()):
            pass
        await store.close()

    asyncio.run(fill())


@pytest.mark.parametrize("jumps", [AHEAD, BEHIND], ids=["ahead", "behind"])
def test_a_clock_that_jumps_blames_its_machine_and_loses_nothing(
    machine: Machine, jumps: list[int]
) -> None:
    remember_thirteen_days(machine.hub.home)
    hub = machine.start()
    for jump in jumps:
        machine.set(jump)
        wait_until(machine.blamed, PATIENCE, "the machine is blamed")
        machine.wait_for_beats(6)
        wait_until(machine.well, PATIENCE, "all three are well")
        if jump is jumps[0]:
            said = fleet("doctor", environ=environ(hub)).stdout
            assert "its own machine's clock; no agent is at fault" in said
            assert "hub: hub-clock" in fleet("status", environ=environ(hub)).stdout
        hub.stop()
        hub.start()
        wait_until(machine.blamed, PATIENCE, "it is blamed after a restart, too")
        machine.wait_for_beats(6)
        wait_until(machine.well, PATIENCE, "all three are well")
        assert machine.query("SELECT min(id) FROM message") == [1], "nothing was deleted"
        machine.set(0)
        wait_until(lambda: not machine.blamed(), PATIENCE, "it is believed again")
    machine.wait_for_beats(6)
    wait_until(lambda: machine.well() and not machine.firing(), PATIENCE, "all is well")
    assert "clock-skew" not in machine.ever_fired(), "no agent was ever blamed"
    assert machine.query("SELECT min(id) FROM message") == [1], "nothing was deleted"
    last = hub.get("/v1/history?newest=true&limit=1")["messages"][0]
    since = hub.get(f"/v1/history?since={last['ts']}&limit=50")["messages"]
    assert last["id"] in [message["id"] for message in since]


@pytest.mark.parametrize("jump", [30 * DAY, -30 * DAY], ids=["ahead", "behind"])
def test_a_hub_that_was_wrong_from_its_first_start_gets_over_it(
    machine: Machine, jump: int
) -> None:
    machine.set(jump)
    hub = machine.start()
    wait_until(machine.blamed, PATIENCE, "three agents outvote it")
    hub.stop()
    machine.set(0)
    hub.start()
    wait_until(lambda: not machine.blamed(), PATIENCE, "the right clock is believed")
    wait_until(machine.well, PATIENCE, "all three are well")
    machine.sidecars[0].kill()
    dead = {**dict.fromkeys(AGENTS, "ok"), "ada": "offline"}
    wait_until(lambda: machine.verdicts() == dead, PATIENCE, "a death is seen")
    ages = {one["agent"]: one["age"] for one in hub.get("/v1/agents")["agents"]}
    assert ages["ada"] is not None
    assert ages["ada"] < 2 * PATIENCE
    only = {("ada", "agent-offline")}
    wait_until(lambda: machine.firing() == only, PATIENCE, "its alert, and no other")


def environ(hub: Served) -> dict[str, str]:
    """For whoever asks the hub from a machine with a right clock."""
    return {name: value for name, value in hub.environ.items() if "FAKETIME" not in name} | {
        "LD_PRELOAD": ""
    }
