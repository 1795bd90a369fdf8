"""The active agent of a pair of real processes gets another name: it stays active, and is not even
restarted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar import machine_time
from agent_sidecar.pair.kept import KeptPair
from fleet.domain.failover.pair import GRACE
from fleet.provisioning.registry import Enrolled, Registry
from tests.support.bot_pair import BotPair
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until


@pytest.fixture
def bots(tmp_path: Path) -> Iterator[BotPair]:
    made = BotPair(tmp_path)
    try:
        yield made.start()
    finally:
        made.close()


def rename(bots: BotPair, old: str, new: str) -> None:
    """As `fleet agent rename OLD NEW --now`, once the sidecar was restarted by the new name."""
    before = bots.sidecars[old]
    before.stop()
    given = {name: text for name, text in before.environ.items() if name.startswith("FLEET_")}
    for name in ("FLEET_AGENT", "FLEET_BROKER", "FLEET_HOME"):
        del given[name]
    bots.sidecars[old] = Sidecar(before.folder, bots.broker.url, new, **given).start()
    registry = Registry(bots.hub.home)
    registry.save(Enrolled(new))
    assert bots.hub.ask("POST", f"/v1/agents/{old}/rename", body={"to": new})[0] == 200
    registry.revoke(old, time.time())


@pytest.mark.timeout(300)
def test_an_active_agent_that_is_renamed_within_its_lease_stays_active(bots: BotPair) -> None:
    agent = bots.agent_pid("ada")
    until = KeptPair(bots.sidecars["ada"].state / "pair" / "bots").role().until
    rename(bots, "ada", "lovelace")
    wait_until(lambda: bots.pair()["members"][0]["agent"] == "lovelace", 60, "its pair")
    kept = KeptPair(bots.sidecars["ada"].state / "pair" / "bots")
    wait_until(kept.report, 60, "a guard of the new name")
    wait_until(lambda: kept.role().until > until + GRACE, 60, "a lease by the new name")
    wait_until(lambda: machine_time.now() > until + GRACE, 60, "the end of that of the old one")
    bots.wait_polled("ada")
    assert bots.agent_pid("ada") == agent, "nobody laid it down in between"
    assert [(one["agent"], one["role"]) for one in bots.pair()["members"]] == [
        ("lovelace", "active"), ("bob", "standby"),
    ]  # fmt: skip
    assert (bots.pair()["phase"], bots.bot.doubles) == ("steady", [])
