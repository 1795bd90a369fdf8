"""A hub that waits for its turn to lead, and serves meanwhile: the doors of a hub over what it
reads in the store, and the way of what changes something to the hub that leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from starlette.middleware import Middleware

from fleet.api.auth import SessionAuthenticator
from fleet.api.followed_backend import FollowedBackend
from fleet.api.forwarding import Forwarding
from fleet.api.other_sites import OtherSites
from fleet.api.server import ApiServer
from fleet.commander.followed import FollowedCommander
from fleet.domain.windows import Window
from fleet.hub.followed_bus import FollowedBus
from fleet.hub.follower import Follower
from fleet.hub.hub import Hub
from fleet.hub.leading import Leading
from fleet.hub.maintenance_windows import MaintenanceWindows
from fleet.hub_client import HubClient
from fleet.metrics import hub_families
from fleet.metrics.collector import single
from fleet.metrics.exporter import Exporter
from fleet.settings import Settings
from fleet.store.open import followed_store

PARTS: Final = ("follower", "commander", "exporter", "backend", "sites", "api")


async def read_beside(
    settings: Settings,
    api_server: ApiServer,
    leading: Leading,
    windows: Sequence[Window],
    ready: Callable[[], None],
) -> None:
    """Serve until cancelled; `ready` is called when the first of it can be seen. Until then it is
    answered who leads."""
    store, following = followed_store(settings)
    outbox = leading.requests
    bus = FollowedBus(settings.broker)
    hub = Hub(settings, store, bus=lambda _: bus)
    follower = Follower(hub, following)
    leading.followed = follower.caught_up
    commander = FollowedCommander(hub)
    sites = OtherSites(hub, leading.sites)
    exporter = Exporter(
        hub,
        commander,
        [lambda: [single(hub_families.VIEW_AGE, round(follower.age, 1))], sites.metrics],
    )
    backend = FollowedBackend(hub, follower, commander, exporter, MaintenanceWindows(hub, windows))
    sites.serve(backend)
    follower.on_begin += [exporter.look_again, backend.gap]
    follower.on_look += [
        commander.follow, bus.follow, store.follow, lambda text: exporter.look_at(text["unstored"]),
    ]  # fmt: skip

    def seen() -> tuple[float, float] | None:
        return (follower.time.at, follower.age) if follower.said else None

    def leader() -> str:
        return follower.said.leader if follower.said else ""

    def forwarding(authenticator: SessionAuthenticator) -> Middleware:
        return Middleware(
            Forwarding,
            outbox=outbox,
            authenticator=authenticator,
            seen=seen,
            leader=leader,
            is_link=lambda token: backend.linked_alerts(token) is not None,
            own=lambda: HubClient.own_token_id(settings.home),
        )

    async def serve() -> None:
        waiting = asyncio.create_task(api_server.stand_by(leading), name="standby")
        try:
            await follower.begun.wait()
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})
        ready()
        await api_server.read(backend, (forwarding, *sites.inside()))

    try:
        async with asyncio.TaskGroup() as group:
            runs = (follower.run, commander.run, exporter.run, backend.run, sites.run, serve)
            for name, run in zip(PARTS, runs, strict=True):
                group.create_task(run(), name=f"reading-{name}")
    finally:
        await store.close()
