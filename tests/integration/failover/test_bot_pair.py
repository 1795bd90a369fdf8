"""A pair of real processes at one bot server: whatever is killed, never two poll."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bot_pair import BotPair, gone
from tests.support.shifted_clock import ahead
from tests.support.waiting import wait_until


@pytest.fixture
def bots(tmp_path: Path) -> Iterator[BotPair]:
    """Their clocks are two hours apart, and neither is the hub's: nothing here is by the clock."""
    made = BotPair(tmp_path)
    clocks = {"ada": ahead(tmp_path / "late", 3600), "bob": ahead(tmp_path / "early", -3600)}
    try:
        yield made.start(clocks)
    finally:
        made.close()


def hours_off(bots: BotPair) -> set[int]:
    skews = [bots.hub.get(f"/v1/agents/{name}")["skew"] for name in bots.names]
    return {round((skew or 0.0) / 3600) for skew in skews}


@pytest.mark.timeout(600)
def test_a_killed_agent_and_then_a_killed_sidecar_are_followed_and_never_two_poll(
    bots: BotPair,
) -> None:
    assert bots.pair()["phase"] == "steady"
    wait_until(lambda: hours_off(bots) == {-1, 1}, 60, "clocks that are off, as the hub sees it")
    # The sidecar is killed and not the agent: the guard lays it down, and only then bob begins.
    agent = bots.agent_pid("ada")
    bots.sidecars["ada"].kill()
    bots.wait_polled("bob")
    wait_until(gone(agent), what="the end of the agent that nobody watches")
    wait_until(lambda: bots.pair()["phase"] == "steady", 60, "a steady pair")
    assert [one["agent"] for one in bots.pair()["members"]] == ["bob", "ada"]
    alerts = bots.hub.get("/v1/agents/ada")["alerts"]
    assert "failover" in alerts

    # Nothing fails back; who comes back is the standby, and the alert ends.
    bots.sidecars["ada"].start(*ahead(bots.folder / "late", 3600))
    wait_until(lambda: "failover" not in bots.hub.get("/v1/agents/ada")["alerts"], 60, "the end")
    assert bots.pair()["members"][0]["agent"] == "bob"

    # Within the hour nothing changes by itself; a person's word does.
    os.kill(bots.agent_pid("bob"), signal.SIGKILL)
    bots.hub.ask("POST", "/v1/pairs/bots/failover", body={})
    bots.wait_polled("ada")
    assert bots.bot.doubles == []
