"""One of a pair is cut off from the broker, and from nothing else: still never two poll."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bot_pair import BotPair, gone
from tests.support.broker import free_port
from tests.support.network import Net, NoNetworkError, networks
from tests.support.waiting import wait_until


@pytest.mark.timeout(600)
def test_who_is_cut_off_from_the_broker_alone_is_followed_and_never_two_poll(
    tmp_path: Path,
) -> None:
    try:
        with networks(2) as (to_broker, to_bot):
            port = free_port()
            listeners = [f"{port} {to_broker.broker}"]
            bots = BotPair(tmp_path, bot=to_bot.broker, listeners=listeners)
            bots.brokers["ada"] = f"mqtt://{to_broker.broker}:{port}"
            bots.hosts.update(ada=to_bot.agent, bob=to_bot.broker)  # each sees the other
            try:
                bots.start({"ada": to_broker.inside})
                parted(bots, to_broker)
            finally:
                bots.close()
    except NoNetworkError as none:
        pytest.skip(str(none))


def parted(bots: BotPair, to_broker: Net) -> None:
    agent = bots.agent_pid("ada")
    to_broker.cut()
    bots.wait_polled("bob", 240)
    assert gone(agent)()
    wait_until(lambda: bots.pair()["phase"] == "steady", 60, "a steady pair")
    assert [one["agent"] for one in bots.pair()["members"]] == ["bob", "ada"]

    # Back, it is the standby; and to cut off a standby changes nothing.
    to_broker.heal()
    wait_until(lambda: bots.member("ada")["presence"] == "up", 120, "its return")
    assert bots.member("ada")["active"] is False
    to_broker.cut()
    wait_until(lambda: bots.member("ada")["presence"] != "up", 120, "its silence")
    bots.wait_polled("bob")
    assert bots.pair()["members"][0]["agent"] == "bob"
    assert bots.bot.doubles == []
