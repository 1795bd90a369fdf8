"""The past is the same from the hub, from a hub elsewhere, and from the store that it left."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.timestamps import timestamp
from fleet.fleet_history import PAGE
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.served import Served, environment, fleet
from tests.support.waiting import wait_until

BEATS = 3 * PAGE + 7
STORED = BEATS + 5
"""Beside them four statuses, and that the hub is online."""

pytestmark = pytest.mark.timeout(300)  # the first test asks all of it, three times

ASKED = [
    ("history", "-o", "jsonl"),
    ("history",),
    ("history", "-n", "5"),
    ("history", "-n", str(2 * PAGE + 1), "-o", "jsonl"),
    ("history", "-n", "10000", "-o", "jsonl"),
    ("history", "-n", "7", "--agent", "bob"),
    ("history", "-n", "3", "--kind", "status", "-o", "jsonl"),
    ("history", "--all"),
    ("history", "--oldest", "-n", "40"),
    ("history", "--cursor", "0", "-n", str(PAGE + 2), "-o", "jsonl"),
    ("history", "--since", "1h", "--until", "2020-01-01T00:00:00Z"),
    ("history", "--since", "99999999w", "-n", "2"),
    ("history", "--hourly", "-o", "jsonl"),
    ("history", "--agent", "nobody"),
    ("dead-letters", "list"),
    ("dead-letters", "list", "-o", "jsonl", "-n", "2"),
    ("monitor", "--since", "1h", "-n", "20", "-o", "jsonl"),
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("history")
    broker = Mosquitto(folder / "broker").start()
    hub = Served(folder / "home", broker)
    try:
        play(hub.start(), broker)
        yield hub
    finally:
        hub.stop()
        broker.stop()


def play(hub: Served, broker: Mosquitto) -> None:
    """Two agents say a lot, and three things that the contract rejects."""
    agents = {name: Publisher(broker, name) for name in ("ada", "bob")}
    ts = timestamp(time.time())
    for number in range(BEATS):
        beat = f'{{"ok":true,"ts":"{ts}","metrics":{{"n":{number}}}}}'
        agents["bob" if number % 5 == 0 else "ada"].publish("heartbeat", beat.encode())
    for state in ("starting", "running", "degraded", "running"):
        agents["ada"].publish("status", f'{{"state":"{state}","ts":"{ts}"}}'.encode())
    for wrong in (b'{"notes":"secret word"}', b"no json", b'{"ok":1,"ts":"x"}'):
        agents["bob"].publish("heartbeat", wrong)
    wait_until(lambda: hub.get("/v1/stats")["stored"] >= STORED)
    wait_until(lambda: sum(hub.get("/v1/stats")["rejects"].values()) == 3)
    for agent in agents.values():
        agent.close()


def elsewhere(hub: Served, folder: Path) -> dict[str, str]:
    """The environment of another machine, which names the hub."""
    token = folder / "token"
    token.write_text(hub.tokens["operator"])
    token.chmod(0o600)
    return environment(
        folder,
        FLEET_HUB=hub.url,
        FLEET_HUB_TOKEN_FILE=str(token),
        FLEET_BROKER=hub.environ["FLEET_BROKER"],
    )


@pytest.fixture(scope="module")
def answers(hub: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each of `ASKED` prints, at each door."""
    far = elsewhere(hub, tmp_path_factory.mktemp("elsewhere"))
    told = {}
    for door in ("served", "elsewhere", "store"):
        if door == "store":
            hub.stop()
        told[door] = [printed(far if door == "elsewhere" else hub.environ, *a) for a in ASKED]
    hub.start()
    return told


def printed(environ: dict[str, str], *arguments: str) -> str:
    done = fleet(*arguments, environ=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("number", range(len(ASKED)), ids=[" ".join(a) for a in ASKED])
def test_each_door_tells_the_same(answers: dict[str, list[str]], number: int) -> None:
    served = answers["served"][number]
    assert answers["elsewhere"][number] == served
    assert answers["store"][number] == served


def test_the_newest_are_told_whole_and_in_order(answers: dict[str, list[str]]) -> None:
    rows = answers["served"][ASKED.index(("history", "-n", "10000", "-o", "jsonl"))].splitlines()
    assert len(rows) == STORED
    assert '"state":"running"' in rows[0]
    stored = [json.loads(row) for row in rows]
    numbers = [one["message"]["metrics"]["n"] for one in stored if one["kind"] == "heartbeat"]
    assert sorted(numbers) == list(range(BEATS))
    ids = [one["id"] for one in stored]
    assert ids == sorted(ids, reverse=True)


def test_a_dead_letter_is_listed_elsewhere_and_its_text_is_not_shown(
    hub: Served, tmp_path: Path
) -> None:
    far = elsewhere(hub, tmp_path)
    listed = printed(far, "dead-letters", "list")
    assert "unknown-field" in listed
    assert "secret word" not in listed
    refused = fleet("dead-letters", "show", "1", environ=far)
    assert refused.returncode == 3
    assert f"stays where {hub.url} runs" in refused.stderr
    assert "secret word" not in refused.stdout + refused.stderr


def test_a_viewer_may_not_list_dead_letters(hub: Served) -> None:
    assert hub.ask("GET", "/v1/dead-letters", "viewer")[0] == 403


def test_a_hub_that_is_away_is_told_and_not_replaced(tmp_path: Path, hub: Served) -> None:
    far = elsewhere(hub, tmp_path) | {"FLEET_HUB": "http://127.0.0.1:1"}
    for asked in (("history",), ("dead-letters", "list"), ("monitor", "--snapshot")):
        done = fleet(*asked, environ=far)
        assert (done.returncode, done.stdout) == (3, "")
        assert "does not answer" in done.stderr
