"""The configuration of docs/how-to/static-acl.md as it stands there, with a hub that serves."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.raw_client import RawClient, Version
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.secret_file import write_secret
from fleet.contract.vocabulary import HubAlertCode
from tests.support.broker import SHIPPED, Mosquitto, free_port
from tests.support.certificates import TestAuthority
from tests.support.served import Served, environment, fleet
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/static-acl.md").read_text()
ACL = (ROOT / "mosquitto/accounts.acl").read_text()
CALLS = (
    ("doctor",),
    ("status",),
    ("monitor", "--snapshot"),
    ("collect",),
    ("check",),
    ("broadcast", "health-check-all"),
)


@dataclass
class Site:
    """A machine as the page makes it: broker, home, and the passwords as files."""

    broker: Mosquitto
    folder: Path
    home: Path
    agents: str

    @property
    def acl(self) -> Path:
        return self.folder / "fleet.acl"

    @property
    def own(self) -> tuple[str, ...]:
        return ("--agent", "alpha", "--agent-password-file", str(self.folder / "alpha.password"))

    def again(self) -> None:
        """The broker reads what was changed."""
        self.broker.stop()
        self.broker.start()

    def hub(self) -> Served:
        url = f"mqtt://zephyr@127.0.0.1:{self.broker.port}"
        served = Served(self.home, self.broker)
        served.environ |= {"FLEET_BROKER": url}
        return served.start()

    def visit(self, user: str) -> RawClient:
        url = BrokerUrl("127.0.0.1", self.broker.port, user=user)
        return RawClient(ConnectOptions(url, f"{user}-x", password=user), Version.V5)


class PageBroker(Mosquitto):
    """Mosquitto with nothing but the page's own listeners."""

    def _configuration(self) -> list[str]:
        return [f"persistence_location {self.folder}/", "user root", *self._lines]


def site(folder: Path, change: tuple[str, str] = ("", "")) -> Site:
    (text,) = re.findall(r"^```conf\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    agents = free_port()
    TestAuthority(folder).issue("server")
    (folder / "server.key").chmod(0o644)
    for name, accounts in (("hub", ["zephyr"]), ("agents", ["alpha", "beta"])):
        write_secret(folder / f"{name}.accounts", "".join(f"{one}:{one}\n" for one in accounts))
        subprocess.run(["mosquitto_passwd", "-U", folder / f"{name}.accounts"], check=True)
        for one in accounts:
            write_secret(folder / f"{one}.password", f"{one}\n")
    (folder / "fleet.acl").write_text(ACL)
    broker = PageBroker(folder / "broker")
    text = text.replace("/etc/mosquitto", str(folder)).replace(
        "listener 8883", f"listener {agents}"
    )
    text = text.replace("listener 1883", f"listener {broker.port}").replace(*change)
    broker._lines = [*SHIPPED, *text.splitlines()]
    broker.start()
    home = folder / "home"
    how = (
        "--broker", f"mqtt://zephyr@127.0.0.1:{broker.port}", "--kind", "other",
        "--password-file", str(folder / "zephyr.password"),
        "--agent-broker", f"mqtts://localhost:{agents}", "--ca-file", str(folder / "ca.pem"),
    )  # fmt: skip
    done = fleet("init", *how, environ=environment(home))
    assert done.returncode == 0, done.stderr
    return Site(broker, folder, home, f"mqtts://localhost:{agents}")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Site]:
    found = site(tmp_path)
    yield found
    found.broker.stop()


def proving(page: Site) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fleet", "acl", "test", *page.own],
        env=environment(page.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def losses(hub: Served) -> str:
    text = hub.ask("GET", "/metrics", "scraper")[1]
    return next(line for line in text.splitlines() if line.startswith("fleet_link_losses_total"))


def test_the_command_line_used_twenty_times_never_pushes_the_hub_out(page: Site) -> None:
    hub = page.hub()
    try:
        calls = [CALLS[number % len(CALLS)] for number in range(20)]
        with ThreadPoolExecutor(2) as pool:  # two at once: they do not push each other out either
            done = pool.map(lambda call: fleet(*call, environ=hub.environ, timeout=300), calls)
            said = [one.stdout + one.stderr for one in done]
        assert not [text for text in said if "refused" in text or "client id" in text], said
        proof = fleet("acl", "test", *page.own, "-o", "json", environ=hub.environ, timeout=300)
        found = {one["way"] for one in json.loads(proof.stdout)["openings"]}
        assert found == {"share"}, "the client id is bound, as the page says"
        assert losses(hub).endswith(" 0.0"), "the hub was never pushed out"
    finally:
        hub.stop()


async def test_a_hub_under_one_client_id_for_all_says_so_and_keeps_its_place(
    tmp_path: Path,
) -> None:
    """`use_username_as_clientid` where the hub's account is, too."""
    page = site(
        tmp_path, ("password_file " + str(tmp_path / "hub.accounts"),
                   f"password_file {tmp_path}/hub.accounts\nuse_username_as_clientid true"),
    )  # fmt: skip
    hub = page.hub()
    try:
        hub.stop()  # its session stays, and what is sent now waits for it
        async with page.visit("zephyr") as stranger:
            assert stranger.alive
        found = fleet("doctor", environ=hub.environ)
        assert "use_username_as_clientid" in found.stdout, found.stdout
        hub.start()
        assert "one client id" in hub.log.read_text()
        for call in (("doctor",), ("acl", "test", *page.own), ("tck", "run", "--agent", "alpha")):
            done = fleet(*call, environ=hub.environ)
            assert done.returncode in (2, 3)
            assert "use_username_as_clientid" in done.stdout + done.stderr
        assert fleet("status", environ=hub.environ).returncode == 0, "it asks the hub"
        assert losses(hub).endswith(" 0.0")
        codes = {one["code"] for one in hub.get("/v1/agents")["hub"]}
        assert HubAlertCode.CREDENTIAL_USED_TWICE not in codes
    finally:
        hub.stop()
        page.broker.stop()


def test_a_right_that_names_another_agent_is_found_and_named(page: Site) -> None:
    hub = page.hub()
    try:
        assert fleet("agent", "add", "beta", environ=hub.environ).returncode == 0
        done = fleet("acl", "test", *page.own, environ=hub.environ)
        assert "tried against beta" in done.stderr
        assert "beta" not in done.stdout, "closed"
        rights = "user alpha\ntopic write fleet/beta/command\ntopic read fleet/beta/heartbeat\n"
        page.acl.write_text(f"{ACL}\n{rights}")
        page.broker.send_signal(signal.SIGHUP)
        done = fleet("acl", "test", *page.own, "-o", "json", environ=hub.environ)
        report = json.loads(done.stdout)
        found = {(one["way"], one["topic"]) for one in report["openings"]}
        assert ("publish", "fleet/beta/command") in found
        assert "fleet/beta/heartbeat" in report["unheard"], "beta says nothing: not known, and told"
        assert report["against"] == ["beta"]
        refused = fleet("acl", "test", *page.own, "--victim", "alpha", environ=hub.environ)
        assert "--victim 'alpha' is not usable" in refused.stderr
    finally:
        hub.stop()


def test_a_wrong_secret_of_the_agent_is_told_as_the_agents(page: Site, tmp_path: Path) -> None:
    write_secret(tmp_path / "alpha.password", "wrong\n")
    done = fleet("acl", "test", *page.own, environ=environment(page.home))
    assert done.returncode == 3
    assert "does not let alpha in" in done.stderr
    assert "--agent-password-file" in done.stderr


async def test_a_proof_that_is_broken_off_leaves_nothing_retained(page: Site) -> None:
    """Ctrl-C in the middle, at a broker where everything is open."""
    page.acl.write_text("topic readwrite #\nuser zephyr\ntopic readwrite #\nuser alpha\n"
                        "topic readwrite #\n")  # fmt: skip
    page.again()
    proof = proving(page)
    async with page.visit("zephyr") as hub:
        await hub.subscribe("fleet/acl-probe-2/heartbeat")
        async with page.visit("zephyr") as other:
            while not await retained(other, "fleet/acl-probe-2/heartbeat"):
                assert proof.poll() is None
    proof.send_signal(signal.SIGINT)
    said = proof.communicate(timeout=300)[1].decode()
    assert "retain" not in said, said
    async with page.visit("zephyr") as hub:
        assert await retained(hub, "#") == []


async def retained(client: RawClient, pattern: str) -> list[str]:
    """Topics below `pattern` with something retained on them."""
    before = len(client.received)
    await client.subscribe("zephyr/end")
    await client.subscribe(pattern)
    mark = f"{before}-{len(client.received)}".encode()
    await client.publish("zephyr/end", mark)
    await client.wait_for(mark)
    await client.unsubscribe(pattern)
    return [one.topic for one in client.received[before:] if one.retain]


def test_what_may_be_left_is_said_when_the_broker_goes_away_meanwhile(page: Site) -> None:
    page.acl.write_text("topic readwrite #\nuser zephyr\ntopic readwrite #\nuser alpha\n"
                        "topic readwrite #\n")  # fmt: skip
    page.again()
    proof = proving(page)
    wait_until(lambda: b"as alpha" in page.broker.log.read_bytes(), what="the proof's beginning")
    page.broker.kill()
    said = proof.communicate(timeout=300)[1].decode()
    assert proof.returncode == 3
    assert "Traceback" not in said
    assert "the broker may retain a message of the proof on" in said
    assert "fleet/acl-probe-2/heartbeat" in said
