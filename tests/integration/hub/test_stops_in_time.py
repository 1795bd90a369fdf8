"""A hub that is told to stop while what it stands on gives no answer: it ends within the ten
seconds that Docker gives, and the next one has all that was acknowledged, once."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from fleet.contract.timestamps import timestamp
from tests.support import postgres
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess, Publisher
from tests.support.proxy import Proxy
from tests.support.stores import PostgresPlace
from tests.support.waiting import eventually

pytestmark = [postgres.needs_postgres, pytest.mark.timeout(180)]

GRACE = 10.0
"""Seconds from SIGTERM to SIGKILL, as Docker has it; systemd's unit of ours has twenty."""


class Silent:
    """A server that takes connections, and never answers."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/ping"


class World:
    """A database and a broker behind links that can stop to carry anything."""

    def __init__(self, folder: Path, broker: Mosquitto, store: Proxy, link: Proxy) -> None:
        self.place = PostgresPlace(folder)
        self.links = {"store": store, "broker": link}
        self.broker = broker
        self.silent = Silent()
        self._folder = folder

    def hub(self, name: str, *, direct: bool = False) -> HubProcess:
        home = self._folder / name
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "fleet.toml").write_text(f'[dead_man]\nurl = "{self.silent.url}"\n')
        place, port = self.place, self.links["store"].port
        store = place.server.tcp_address(place.name)
        there: Any = SimpleNamespace(url=f"mqtt://127.0.0.1:{self.links['broker'].port}")
        if not direct:
            store = store.replace(f":{place.server.port}/", f":{port}/")
        return HubProcess(home, self.broker if direct else there, FLEET_STORE=store)

    def stored(self) -> tuple[int, int]:
        """How many heartbeats, and how many different ones."""
        query = "SELECT count(*), count(DISTINCT payload) FROM message WHERE kind = 0"
        [(number, different)] = self.place.server.run(query, database=self.place.name)
        return int(number), int(different)


@pytest_asyncio.fixture
async def world(tmp_path: Path, broker: Mosquitto) -> AsyncIterator[World]:
    server = postgres.shared_server()
    async with Proxy(server.port) as store, Proxy(broker.port) as link:
        world = World(tmp_path, broker, store, link)
        yield world
        world.silent.socket.close()


@pytest.mark.parametrize("silent", [("store",), ("broker",), ("store", "broker")], ids="+".join)
async def test_a_hub_ends_in_time_and_loses_nothing(world: World, silent: tuple[str, ...]) -> None:
    hub = world.hub("home")
    await asyncio.to_thread(hub.start)
    larry = Publisher(world.broker, "larry")
    try:
        await asyncio.to_thread(larry.publish_all, "heartbeat", beats(0, 50))
        await eventually(lambda: world.stored() == (50, 50), what="the first beats")
        for name in silent:
            world.links[name].hold()
        await asyncio.to_thread(larry.publish_all, "heartbeat", beats(50, 100))
        held = [world.links[name] for name in silent]
        await eventually(lambda: all(link.held for link in held), what="a question unanswered")
        began = time.monotonic()
        assert await asyncio.to_thread(hub.stop) == 0, hub.log
        assert time.monotonic() - began < GRACE
        assert "Traceback" not in hub.log
    finally:
        hub.kill()
        larry.close()
    again = world.hub("home", direct=True)
    await asyncio.to_thread(again.start)
    try:
        await eventually(lambda: world.stored()[1] == 100, what="all beats")
        assert world.stored() == (100, 100)
    finally:
        assert await asyncio.to_thread(again.stop) == 0


async def test_one_that_stands_by_ends_in_time(world: World) -> None:
    leader, other = world.hub("home", direct=True), world.hub("other")
    await asyncio.to_thread(leader.start)
    shutil.copy(leader.home / "fleet.id", other.home)
    other.start(standby=True)
    try:
        await eventually(lambda: "serves what the one that leads" in other.log, what="the reader")
        world.links["store"].hold()
        await eventually(lambda: world.links["store"].held, what="a question unanswered")
        began = time.monotonic()
        assert await asyncio.to_thread(other.stop) == 0, other.log
        assert time.monotonic() - began < GRACE
        assert "Traceback" not in other.log
    finally:
        other.kill()
        assert await asyncio.to_thread(leader.stop) == 0


def beats(first: int, end: int) -> list[bytes]:
    now = time.time()
    said = [{"ok": True, "ts": timestamp(now), "boot": 7, "seq": seq} for seq in range(first, end)]
    return [json.dumps(one).encode() for one in said]
