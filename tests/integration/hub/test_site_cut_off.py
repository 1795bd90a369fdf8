"""The network between one site and all others is cut: its hub reaches neither the database nor
anybody at another site, and its broker, its agents and who is called there live on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.store.identity import FILE
from tests.support import postgres
from tests.support.broker import SHIPPED, Mosquitto, free_port
from tests.support.hub import Publisher
from tests.support.network import Net, NoNetworkError, networks
from tests.support.receivers import Receiver
from tests.support.served import Served
from tests.support.waiting import wait_until

pytestmark = [postgres.needs_postgres, pytest.mark.timeout(600)]

LONG = 150.0
ROUTE = '[routes.all]\nchannel = "webhook"\nurl = "{url}"\nsecret_file = "hook.secret"\n'
SAID = 20


class Site:
    """A broker, a hub, an agent, and somebody who is called."""

    def __init__(self, name: str, folder: Path, store: str, lan: Net | None = None) -> None:
        self.agent, self.said = f"of-{name}", 0
        host, lines, inside = "127.0.0.1", list(SHIPPED), tuple[str, ...]()
        if lan is not None:
            port, inside = free_port(), lan.inside
            host, lines = lan.agent, [*lines, f"listener {port} {lan.broker}"]
        self.called = Receiver(lambda _: 200, lan.broker if lan else "127.0.0.1")
        self.broker = Mosquitto(folder / name / "broker", lines, persistence=True).start()
        self.hub = Served(
            folder / name / "home", self.broker, host=host, inside=inside, FLEET_STORE=store,
            FLEET_SITE=name, FLEET_INTERVAL="300",
        )  # fmt: skip
        if lan is not None:
            self.hub.environ["FLEET_BROKER"] = f"mqtt://{lan.broker}:{port}"
            self.hub.environ["FLEET_HTTP_PLAIN"] = "true"  # nobody else is on that network
        self.hub.home.mkdir(parents=True)
        (self.hub.home / "fleet.toml").write_text(ROUTE.format(url=self.called.url))
        (self.hub.home / "hook.secret").touch(0o600)
        (self.hub.home / "hook.secret").write_text("a long random word")

    def start(self, first: Site | None = None) -> None:
        if first is not None:
            for name in (FILE, "tokens.json"):
                shutil.copy2(first.hub.home / name, self.hub.home)
            self.hub.tokens = first.hub.tokens
        self.hub.start()

    def speak(self, count: int) -> None:
        publisher = Publisher(self.broker, self.agent)
        beats = [
            {"ok": True, "ts": timestamp(time.time()), "boot": 1, "seq": seq, "uptime": seq}
            for seq in range(self.said, self.said + count)
        ]
        self.said += count
        publisher.publish_all("heartbeat", [json.dumps(one).encode() for one in beats])
        publisher.close()

    def states(self) -> dict[str, str]:
        found = self.hub.get("/v1/agents")["agents"]
        return {a["agent"]: "lost" if a["site_lost"] else a["state"] for a in found}

    def sites(self) -> dict[str, Any]:
        return {one["site"]: one["why"] for one in self.hub.get("/v1/sites")["sites"]}

    def end(self) -> None:
        self.hub.kill()  # one that is cut off would wait for its database
        self.called.close()
        self.broker.stop()


@pytest.fixture
def nets() -> Iterator[list[Net]]:
    try:
        with networks(2) as made:
            yield made
    except NoNetworkError as none:
        pytest.skip(str(none))


def test_a_site_that_is_cut_off_keeps_what_is_said_and_is_told_of_once(
    tmp_path: Path, nets: list[Net]
) -> None:
    to_others, lan = nets
    server = postgres.own_server([f"listen_addresses=127.0.0.1,{to_others.broker}"])
    with (server.folder / "data" / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {to_others.agent}/32 trust\n")
    os.kill(server.pid, signal.SIGHUP)
    name = postgres.new_name()
    server.run("CREATE DATABASE {}", name)
    there = server.tcp_address(name).replace("127.0.0.1", to_others.broker)
    berlin = Site("berlin", tmp_path, server.tcp_address(name))
    lima = Site("lima", tmp_path, there, lan)
    try:
        berlin.start()
        lima.start(berlin)
        berlin.speak(1)
        lima.speak(1)
        everybody = {"of-berlin": "ok", "of-lima": "ok"}
        wait_until(lambda: berlin.states() == lima.states() == everybody, LONG, "one view")
        to_others.cut()
        both_sides_say_what_they_see(berlin, lima)
        before = lima.hub.get("/v1/stats")["stored"]
        lima.speak(SAID)
        assert lima.hub.get("/v1/stats")["stored"] == before, "nothing is taken in"
        to_others.heal()
        all_is_as_it_was(berlin, lima)
        rows = "count(*), count(DISTINCT payload) FROM fleet_site_lima.message"
        stored = f"SELECT {rows} WHERE kind = 0"
        wait_until(lambda: server.run(stored, database=name)[0][0] >= SAID + 1, LONG, "the beats")
        assert server.run(stored, database=name) == [(SAID + 1, SAID + 1)]
    finally:
        berlin.end()
        lima.end()
        server.stop()


def both_sides_say_what_they_see(berlin: Site, lima: Site) -> None:
    wait_until(lambda: berlin.sites()["lima"] == "no hub of it leads", LONG, "lima's loss")
    assert berlin.states() == {"of-berlin": "ok", "of-lima": "lost"}
    told = [("site:lima", "firing")]
    wait_until(lambda: berlin.called.states("site-lost") == told, LONG, "who tells of lima")
    wait_until(lambda: lima.sites()["berlin"] == "this hub cannot ask the store", LONG, "its side")
    assert lima.states() == {"of-berlin": "lost", "of-lima": "ok"}
    wait_until(lambda: lima.called.states("store-down") == [("", "firing")], LONG, "its alert")
    status, ready, _ = lima.hub.ask("GET", "/readyz", None)
    assert (status, ready["store"]) == (503, False)


def all_is_as_it_was(berlin: Site, lima: Site) -> None:
    whole = {"of-berlin": "ok", "of-lima": "ok"}
    wait_until(lambda: berlin.states() == lima.states() == whole, LONG, "one view again")
    over = ["firing", "resolved"]
    wait_until(
        lambda: [state for _, state in berlin.called.states("site-lost")] == over, LONG, "the end"
    )
    wait_until(
        lambda: [state for _, state in lima.called.states("store-down")] == over, LONG, "its end"
    )
    assert lima.called.states("site-lost") == [], "who is cut off tells of nobody else"
    codes = {one.message["code"] for one in (*berlin.called.taken, *lima.called.taken)}
    assert codes == {"site-lost", "store-down"}
