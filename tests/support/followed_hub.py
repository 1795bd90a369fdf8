"""A hub that leads, on a store in memory, and hubs that read beside it or begin after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fleet.bus.in_process import InProcessBroker
from fleet.bus.port import Inbound
from fleet.domain.alert import Alert
from fleet.domain.silences import Silence
from fleet.hub.beginning import begin
from fleet.hub.hub import Hub
from fleet.hub.hub_time import HubTime
from fleet.hub.live_state import LiveState, list_as_json
from fleet.settings import load
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from fleet.store.records import HubState
from fleet.store.shared import Item, Live, News
from tests.support.telemetry import NOON

CUT = 7
"""Items a look of the follower, so that it needs several."""


class FollowedHub:
    """A hub that leads, and what one that reads beside it asks: `fleet.store.shared.Following`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.at = NOON
        self.database = InMemoryDatabase()
        self.epoch = 0
        self.leads(self.hub())
        self.leader.committer.restore(self.leader.store.open(), self.leader.reader.read)
        self.leader.roster.resume_listening(self.at)

    def leads(self, hub: Hub) -> Hub:
        """From now on `hub` does."""
        self.epoch += 1
        self.leader, self.live = hub, LiveState(hub, dict)
        self.said = Live(self.at, 0.0, "", self.epoch, "leader")
        return hub

    def hub(self) -> Hub:
        """Another one on the same store."""
        store: Any = InMemoryStore(self.database)
        settings = load({"home": str(self.home), "interval": "10"}, {})
        clock = HubTime(lambda: self.at, lambda: self.at - NOON, boot="b")
        return Hub(settings, store, bus=InProcessBroker().connect, clock=clock)

    async def tell(self) -> None:
        """The hub that leads leaves its word."""
        await self.leader.committer.write()
        if self.leader.roster.enrolled is not self.live._enrolled:
            self.live._enrolled = self.leader.roster.enrolled
            self.live._lists += 1
        self.said = Live(self.at, 0.0, json.dumps(self.live._text()), self.epoch, "leader")

    def begin(self) -> HubState:
        return InMemoryStore(self.database).open()

    def news(self, after: int, _limit: int) -> News:
        kept = self.database
        items: list[Item] = [*kept.messages, *kept.dead_letters, *kept.events]
        new = sorted((one for one in items if one.id > after), key=lambda one: one.id)
        return News(self.said, new[:CUT], len(new) > CUT)

    def book(self) -> tuple[list[Alert], list[Silence]]:
        return list(self.database.alerts.values()), list(self.database.silences.values())

    def document(self, _name: str) -> str | None:
        return json.dumps(list_as_json(self.leader.roster.enrolled))


async def begun(hub: Hub) -> None:
    """Let `hub` begin, as one does that leads now."""
    parts = hub.committer, hub.leading, hub.ingest, hub.reader
    await begin(hub.settings.home, *parts, trust_clock=False)


async def hears(hub: Hub, *messages: Inbound) -> None:
    """Let `hub` take in a batch."""
    ticket, _ = hub.ingest._judge_batch(list(messages))
    await hub.committer.commit(ticket)
