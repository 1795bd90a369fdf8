"""A scrape says what is known now, also where no stored message says it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from fleet.commander.followed import FollowedCommander
from fleet.contract.timestamps import timestamp
from fleet.hub.daily_budget import DailyBudget
from fleet.metrics.exporter import Exporter
from tests.support import intake
from tests.support.followed_hub import FollowedHub, hears

AGE = re.compile(r'^fleet_agent_heartbeat_age_seconds\{agent="ada"\} (\S+)$', re.MULTILINE)


async def test_of_one_whose_budget_is_used_up_the_age_is_that_of_what_was_heard(
    tmp_path: Path,
) -> None:
    fleet = FollowedHub(tmp_path)
    hub = fleet.leader
    exporter = Exporter(hub, FollowedCommander(hub))
    running = asyncio.create_task(exporter.run())
    hub.budget = hub.ingest.keeping.budget = DailyBudget(1)
    ages = []
    for number in range(6):
        fleet.at += 10
        beat = {"ts": timestamp(fleet.at), "boot": 7, "seq": number}
        await hears(hub, intake.beat("ada", **beat))
        await hub.committer.write()
        await asyncio.sleep(0)
        [age] = AGE.findall(exporter.expose("")[0].decode())
        ages.append(float(age))
    running.cancel()
    assert len(fleet.database.messages) < 6, "its budget is used up"
    assert ages == [0.0] * 6
