"""Who is told to come back later comes back later: the hub did nothing, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.api.test_commands import Agent, state_of
from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until


def reach_the_limit(hub: Served) -> None:
    """From now on this address has to wait, some seconds, also with a good token."""
    wait_until(lambda: hub.ask("GET", "/v1/agents", "fleet_wrong", patience=0)[0] == 429)
    assert hub.ask("GET", "/v1/agents", patience=0)[0] == 429


def test_a_wait_for_a_fact_survives_a_limit_in_its_middle(hub: Served) -> None:
    looks: list[int] = []

    def seen_three_times() -> bool:
        if len(looks) == 1:
            reach_the_limit(hub)
        looks.append(len(hub.get("/v1/inbox?agent=ada")["messages"]))
        return len(looks) == 3

    wait_until(seen_three_times, what="three looks")
    assert looks == [0, 0, 0]


def test_a_command_hears_its_answer_though_its_stream_had_to_wait(
    broker: Mosquitto, tmp_path: Path
) -> None:
    served = Served(tmp_path / "home", broker).start()
    agent = Agent("alpha", broker, tmp_path / "alpha")
    try:
        wait_until(lambda: state_of(served, "alpha") == "ok")
        reach_the_limit(served)
        asked = fleet("command", "health-check", "alpha", "-o", "jsonl", environ=served.environ)
        assert json.loads(asked.stdout)["result"] == "done", asked.stderr
    finally:
        agent.stop()
        served.stop()
