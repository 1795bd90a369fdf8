"""The other sites of the fleet, as a hub of one site sees them: each is followed in the store, as a
hub follows the one that leads beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from prometheus_client.core import Metric
from starlette.middleware import Middleware

from fleet.api.agent_lists import AgentLists, SiteLists
from fleet.api.app import Inside
from fleet.api.auth import SessionAuthenticator
from fleet.api.backend import JsonObject
from fleet.api.of_one_site import OfOneSite
from fleet.api.to_sites import ToSites
from fleet.contract.errors import FleetError
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.site_loss import SiteJudge, SiteWord
from fleet.hub.committer import HUB
from fleet.hub.followed_bus import FollowedBus
from fleet.hub.follower import Follower
from fleet.hub.hub import Hub
from fleet.hub_client import HubClient
from fleet.metrics import hub_families
from fleet.metrics.collector import labelled
from fleet.settings import Settings
from fleet.store.open import followed_store
from fleet.store.shared import RequestOutbox
from fleet.store.sites import Sites

if TYPE_CHECKING:
    from fleet.api.hub_backend import HubBackend

DEAF: Final = (HubAlertCode.BROKER_DOWN, HubAlertCode.HUB_DEAF)
"""What a hub tells of itself that hears no agent."""

LOOK: Final = 1.0
"""Seconds between looks."""

NEW: Final = 5.0
"""Seconds between looks for sites that are new."""


class OtherSite:
    """One of them. What is known of it is in `lists`, which say whether it is lost."""

    def __init__(
        self, settings: Settings, name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        assert settings.store  # noqa: S101 - a site has one
        there = replace(settings, store=settings.store.at(name))
        self.name = name
        self.store, following = followed_store(there)
        self.bus = FollowedBus(settings.broker)
        self.hub = Hub(there, self.store, bus=lambda _: self.bus)
        self.follower = Follower(self.hub, following)
        self.follower.on_look += [self.bus.follow, self.store.follow]
        self.lists = AgentLists(self.hub)
        self._clock = clock
        self.judge = SiteJudge(clock())

    async def run(self) -> None:
        try:
            await self.follower.run()
        finally:
            await self.store.close()

    def look(self) -> None:
        """Judge whether it is lost. How old its last word is, the database says: that is away from
        this hub as well tells nothing of a site."""
        said, book = self.follower.said, self.hub.committer.book
        word = SiteWord(
            age=said.age if said else None,
            hears=said is not None and self.follower.text["stopped_at"] is None,
            tells=self._calls_somebody and any(book.fires(HUB, code) for code in DEAF),
            unread=self.follower.unread,
            unasked=self.follower.unasked,
        )
        self.judge.look(word, self._clock())
        self.lists.lost, self.lists.hub_speaks = self.judge.why is not None, self.judge.hub_speaks

    @property
    def _calls_somebody(self) -> bool:
        return self.follower.said is not None and bool(self.follower.text.get("routes"))

    def told_anew(self, gap: Callable[[], None]) -> Callable[[], None]:
        """Have `gap` called when what it says was read anew, but for the first time: what it said
        between was told to nobody."""
        first = True

        def begun() -> None:
            nonlocal first
            if not first:
                gap()
            first = False

        return begun

    def as_dict(self) -> JsonObject:
        said = self.follower.said
        return {
            "site": self.name,
            "own": False,
            "lost": self.lists.lost,
            "why": self.judge.why,
            "leader": (said.leader or None) if said else None,
            "broker": self.bus.broker.place if said else None,
            "agents": len(self.hub.roster.names()),
            "as_of": timestamp(self.follower.time.at) if said else None,
            "as_of_age": round(self.follower.age, 1) if said else None,
        }


class OtherSites:
    """A service of a hub, also of one that reads: without sites it does nothing."""

    name = "other-sites"

    def __init__(self, hub: Hub, sites: Sites | None) -> None:
        self._hub = hub
        self._sites = sites
        self._others: dict[str, OtherSite] = {}
        self._lists: list[AgentLists] = []
        self.has_looked = False
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    def serve(self, backend: HubBackend) -> None:
        """Let `backend` tell of all sites."""
        self._backend = backend
        if self._sites is not None:
            backend.lists = SiteLists(AgentLists(self._hub), self._lists)
            backend.tell_sites = self.as_list

    def inside(self) -> Sequence[Inside]:
        """The way of what changes something at another site; none where there are no sites."""
        if self._sites is None:
            return ()
        settings = self._hub.settings

        def to_sites(authenticator: SessionAuthenticator) -> Middleware:
            return Middleware(
                ToSites,
                authenticator=authenticator,
                site_of=self._site_of,
                outbox=self._outbox,
                own=settings.site,
                own_token=lambda: HubClient.own_token_id(settings.home),
            )

        def of_one_site(authenticator: SessionAuthenticator) -> Middleware:
            return Middleware(
                OfOneSite,
                authenticator=authenticator,
                site_of=self._site_of,
                others=self._others.keys,
                own=settings.site,
            )

        return (to_sites, of_one_site)

    def _site_of(self, subject: str) -> str:
        if _is_known(self._hub, subject):
            return ""
        every = self._others.items()
        return next((name for name, one in every if _is_known(one.hub, subject)), "")

    def _outbox(self, site: str) -> RequestOutbox | None:
        one = self._others.get(site)
        return one.store.outbox() if one else None

    @property
    def lost(self) -> set[str]:
        return {name for name, one in self._others.items() if one.judge.is_ours_to_tell}

    @property
    def doubted(self) -> set[str]:
        return {name for name, one in self._others.items() if one.judge.is_doubted}

    async def run(self) -> None:
        sites = self._sites
        if sites is None:
            return
        looked = float("-inf")
        async with asyncio.TaskGroup() as group:
            while True:
                if time.monotonic() - looked >= NEW:
                    looked = time.monotonic()
                    with contextlib.suppress(FleetError):  # the committer, or the follower, says so
                        self._follow(await asyncio.to_thread(sites.names), group)
                        self.has_looked = True
                for one in self._others.values():
                    one.look()
                await asyncio.sleep(LOOK)

    def _follow(self, names: Iterable[str], group: asyncio.TaskGroup) -> None:
        """Begin with those that are new, and leave those that were removed."""
        others = set(names) - {self._hub.settings.site}
        for name in self._others.keys() - others:
            self._lists.remove(self._others.pop(name).lists)
            for task in self._tasks.pop(name):
                task.cancel()
        for name in sorted(others - self._others.keys()):
            one = self._others[name] = OtherSite(self._hub.settings, name)
            one.follower.on_begin.append(one.told_anew(self._backend.gap))
            self._lists.append(one.lists)
            self._tasks[name] = [
                group.create_task(one.run(), name=f"site-{name}"),
                group.create_task(self._backend.follow(one.hub), name=f"news-of-{name}"),
            ]

    def as_list(self) -> list[JsonObject]:
        """Every site by name, this one too."""
        seen, roster = self._backend.seen(), self._hub.roster
        own: JsonObject = {
            "site": self._hub.settings.site,
            "own": True,
            "lost": False,
            "why": None,
            "leader": seen["leader"],
            "broker": self._hub.bus.broker.place,
            "agents": len(roster.names()),
            "as_of": seen["as_of"],
            "as_of_age": seen["as_of_age"],
        }
        every = [own, *(one.as_dict() for one in self._others.values())]
        return sorted(every, key=lambda one: str(one["site"]))

    def metrics(self) -> Iterable[Metric]:
        if self._sites is None:
            return
        found = self.as_list()
        yield labelled(hub_families.SITE_UP, {(one["site"],): not one["lost"] for one in found})
        yield labelled(hub_families.SITE_AGENTS, {(one["site"],): one["agents"] for one in found})
        ages: dict[tuple[str, ...], float] = {
            (one["site"],): one["as_of_age"] for one in found if one["as_of_age"] is not None
        }
        yield labelled(hub_families.SITE_VIEW_AGE, ages)


def _is_known(hub: Hub, subject: str) -> bool:
    """An agent, whoever has an alert, or a silence by its id."""
    book = hub.committer.book
    return hub.roster.knows(subject) or bool(book.firing_of(subject)) or subject in book.silences
