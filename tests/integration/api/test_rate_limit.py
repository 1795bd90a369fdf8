"""Who is told to come back later comes back later: the hub did nothing, and nothing is lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.hub_client import HubClient
from tests.integration.api.test_commands import Agent, state_of
from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until

BUSY = 1.5
"""Seconds for which somebody else goes on asking with the same token."""


@contextmanager
def at_the_limit(hub: Served, token: str) -> Iterator[None]:
    """Whoever shows `token` has to wait now, and for a while."""
    reached = threading.Event()

    def ask_on() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if hub.ask("GET", "/v1/stats", token, patience=0)[0] == 429 and not reached.is_set():
                reached.set()
                end = time.monotonic() + BUSY

    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        assert reached.wait(30), "nobody was told to wait"
        yield
    finally:
        thread.join()


def test_a_wait_for_a_fact_survives_a_limit_in_its_middle(hub: Served) -> None:
    looks: list[int] = []

    def seen_three_times() -> bool:
        looks.append(len(hub.get("/v1/inbox?agent=ada")["messages"]))
        return len(looks) == 3

    with at_the_limit(hub, hub.tokens["operator"]):
        wait_until(seen_three_times, what="three looks")
    assert looks == [0, 0, 0]


def test_a_command_hears_its_answer_though_its_stream_had_to_wait(
    broker: Mosquitto, tmp_path: Path
) -> None:
    served = Served(tmp_path / "home", broker).start()
    agent = Agent("alpha", broker, tmp_path / "alpha")
    try:
        wait_until(lambda: state_of(served, "alpha") == "ok")
        with at_the_limit(served, HubClient.of(served.home).token):
            asked = fleet("command", "health-check", "alpha", "-o", "jsonl", environ=served.environ)
        assert json.loads(asked.stdout)["result"] == "done", asked.stderr
    finally:
        agent.stop()
        served.stop()
