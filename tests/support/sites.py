"""Several sites on one database: each with a broker and a hub of its own."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fleet.contract.timestamps import timestamp
from fleet.store.identity import FILE
from tests.support import postgres
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.receivers import Receiver
from tests.support.served import Served

ROUTE = '[routes.all]\nchannel = "webhook"\nurl = "{url}"\nsecret_file = "hook.secret"\n'


class Site:
    """A broker, a hub at it that calls somebody, and two agents."""

    def __init__(self, name: str, folder: Path, store: str, called: str) -> None:
        self.name = name
        self.broker = Mosquitto(folder / name / "broker")
        self.hub = Served(
            folder / name / "home", self.broker, FLEET_STORE=store, FLEET_SITE=name,
            FLEET_INTERVAL="300",
        )  # fmt: skip
        self.hub.home.mkdir(parents=True)
        (self.hub.home / "fleet.toml").write_text(ROUTE.format(url=called))
        (self.hub.home / "hook.secret").touch(0o600)
        (self.hub.home / "hook.secret").write_text("a long random word")

    def start(self, first: Site | None) -> None:
        self.broker.start()
        if first is not None:
            self.take_from(first)
        self.hub.start()

    def take_from(self, first: Site) -> None:
        """What a further hub of a fleet needs of one that has served."""
        for name in (FILE, "tokens.json"):
            shutil.copy2(first.hub.home / name, self.hub.home)
        self.hub.tokens = first.hub.tokens

    def speak(self, *agents: str) -> None:
        for agent in agents:
            publisher = Publisher(self.broker, agent)
            said = {"ok": True, "ts": timestamp(time.time()), "boot": 1, "seq": 1}
            publisher.publish_all("heartbeat", [json.dumps(said).encode()])
            publisher.close()

    def agents(self, query: str = "") -> list[tuple[str, str, str]]:
        """Name, site and state as a table shows them, in the order of the answer."""
        found = self.hub.get(f"/v1/agents{query}")["agents"]
        return [
            (one["agent"], one["site"], one["state"] + (" (lost)" if one["site_lost"] else ""))
            for one in found
        ]

    def sites(self) -> dict[str, Any]:
        return {one["site"]: one for one in self.hub.get("/v1/sites")["sites"]}

    def lost(self) -> set[str]:
        return {name for name, one in self.sites().items() if one["lost"]}

    def firing(self) -> list[tuple[str | None, str]]:
        """What fires in the book of this hub alone."""
        every = self.hub.get("/v1/alerts")["alerts"]
        return [(one["agent"], one["code"]) for one in every if "site" not in one]

    def end(self) -> None:
        self.hub.stop()
        if self.broker.runs:
            self.broker.stop()


class World:
    """Several sites on one database of their own."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        server, name = postgres.shared_server(), postgres.new_name()
        server.run("CREATE DATABASE {}", name)
        self.called = Receiver(lambda _: 200)
        store = server.address(name)
        self.sites = {site: Site(site, folder, store, self.called.url) for site in names}

    def start(self) -> None:
        first = None
        for site in self.sites.values():
            site.start(first)
            first = first or site

    def tells_of(self, lost: str) -> list[str]:
        """The sites in whose books it fires that one of them is lost."""
        served = [site for site in self.sites.values() if site.hub.serves]
        return [site.name for site in served if (f"site:{lost}", "site-lost") in site.firing()]

    def codes(self) -> set[str]:
        """What fires anywhere."""
        return {code for site in self.sites.values() for _, code in site.firing()}

    def close(self) -> None:
        for site in self.sites.values():
            site.end()
        self.called.close()
