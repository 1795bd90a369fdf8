"""The NATS configuration in the docs, run as it stands there and judged by delivery."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.raw_client import RawClient, Version
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.secret_file import write_secret
from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto, free_port
from tests.support.served import Served, environment, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import eventually, wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "nats.md").read_text()
PROGRAM = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="nats-server is not installed")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The MQTT port of a NATS server with the page's configuration."""
    blocks = re.findall(r"^```conf\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    server, users = blocks[:2]  # after them, what our own programs are told
    mqtt, client = free_port(), free_port()
    text = server.replace(":1883", f":{mqtt}").replace(":4222", f":{client}")
    text = f'pid_file: "{tmp_path}/nats.pid"\n{text}'
    (tmp_path / "nats.conf").write_text(text.replace("/var/lib/nats", str(tmp_path / "data")))
    hashes = users.replace("HUB_HASH", "hub").replace("ALPHA_HASH", "secret")
    (tmp_path / "users.conf").write_text(hashes)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(PROGRAM), "-c", str(tmp_path / "nats.conf")], stdout=log, stderr=log
        )

    def accepts() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", mqtt)) == 0

    wait_until(accepts, what="the start of NATS")
    yield mqtt
    process.terminate()
    process.wait(10)


def visit(port: int, user: str, password: str) -> RawClient:
    url = BrokerUrl("127.0.0.1", port, user=user)
    return RawClient(ConnectOptions(url, user, password=password), Version.V311)


async def test_an_agent_on_nats_reaches_its_own_topics_and_no_others(port: int) -> None:
    async with visit(port, "zephyr", "hub") as hub, visit(port, "alpha", "secret") as alpha:
        assert await hub.subscribe("#")
        assert await alpha.subscribe("fleet/alpha/command")
        for pattern in ("#", "fleet/#", "fleet/+/command", "fleet/beta/command", "$share/g/#"):
            assert not await alpha.subscribe(pattern)
        await alpha.publish("fleet/alpha/heartbeat", b"own")
        for topic in ("fleet/beta/heartbeat", "fleet/alpha/command", "zephyr/broadcast"):
            await alpha.publish(topic, b"foreign")
        await hub.publish("fleet/beta/command", b"foreign")
        await hub.publish("fleet/alpha/command", b"command")
        assert await alpha.wait_for(b"command")
        assert await hub.wait_for(b"command")
        assert [message.payload for message in alpha.received] == [b"command"]
        heard = [m.payload for m in hub.received if not m.topic.startswith("$")]
        assert sorted(heard) == [b"command", b"foreign", b"own"]
        assert [m.topic for m in hub.received if m.payload == b"foreign"] == ["fleet/beta/command"]


async def test_a_name_is_forgotten_on_nats(port: int, tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_secret(home / "hub.password", "hub")
    broker = cast("Mosquitto", SimpleNamespace(url=f"mqtt://zephyr@127.0.0.1:{port}"))
    hub = Served(home, broker, FLEET_PASSWORD_FILE=str(home / "hub.password")).start()
    beat = json.dumps({"ok": True, "ts": timestamp(time.time()), "interval": 60}).encode()

    def known() -> list[str]:
        return [agent["agent"] for agent in hub.get("/v1/agents")["agents"]]

    try:
        async with visit(port, "alpha", "secret") as alpha:
            await alpha.publish("fleet/alpha/heartbeat", beat, retain=True)
        await eventually(lambda: known() == ["alpha"], what="its heartbeat")
        done = await asyncio.to_thread(
            fleet, "agent", "forget", "alpha", "--yes", "-o", "json", environ=hub.environ
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)[0]["steps"][0] == {
            "what": "retained messages",
            "done": True,
            "detail": "cleared",
        }
        assert known() == []
        hub.kill()
        hub.start()
        assert known() == []
    finally:
        hub.stop()


def test_a_home_for_nats_adds_an_agent_that_the_hub_sees_and_commands(
    port: int, tmp_path: Path
) -> None:
    """`fleet init --kind nats`, `agent add`, the entry that it prints, `serve`: nothing else."""
    home, out = tmp_path / "home", tmp_path / "alpha"
    write_secret(tmp_path / "hub.password", "hub\n")
    url = f"mqtt://zephyr@127.0.0.1:{port}"
    environ = environment(home)
    how = ("--broker", url, "--kind", "nats", "--password-file", str(tmp_path / "hub.password"))
    assert fleet("init", *how, environ=environ).returncode == 0
    added = fleet("agent", "add", "alpha", "--out", str(out), environ=environ)
    entry = added.stdout[added.stdout.index("{ user: alpha") :].strip()
    secret = (out / "fleet" / "secret").read_text().strip()
    users = (tmp_path / "users.conf").read_text()
    others = users[: users.index("{ user: alpha")]
    (tmp_path / "users.conf").write_text(f"{others}{entry.replace('HASH', secret)}\n]\n")
    os.kill(int((tmp_path / "nats.pid").read_text()), signal.SIGHUP)
    hub = Served(home, cast("Mosquitto", SimpleNamespace(url=url))).start()
    sidecar = Sidecar(
        tmp_path / "side", f"mqtt://alpha@127.0.0.1:{port}", "alpha",
        FLEET_PASSWORD_FILE=str(out / "fleet/secret"),
        FLEET_COMMAND_KEYS=str(out / "fleet/commands.pub"),
    )  # fmt: skip
    try:
        sidecar.start()
        wait_until(
            lambda: [one["state"] for one in hub.get("/v1/agents")["agents"]] == ["ok"],
            what="the agent",
        )
        done = fleet("command", "health-check", "alpha", environ=hub.environ)
        assert done.returncode == 0, done.stdout + done.stderr
        sidecar.kill()
        (tmp_path / "users.conf").write_text(f"{others}\n]\n")
        os.kill(int((tmp_path / "nats.pid").read_text()), signal.SIGHUP)
        done = fleet("agent", "revoke", "alpha", environ=hub.environ)
        assert done.returncode == 3
        assert "Try: end its account at the broker, and fleet agent revoke alpha --" in done.stderr
        gone = fleet("agent", "revoke", "alpha", "--account-gone", environ=hub.environ)
        assert gone.returncode == 0, gone.stdout + gone.stderr
        assert "alpha" not in fleet("agent", "list", environ=hub.environ).stdout
        assert hub.get("/v1/agents")["agents"] == []
    finally:
        sidecar.kill()
        hub.stop()


def test_the_acl_is_proven_with_an_agents_own_account(port: int, tmp_path: Path) -> None:
    """What holds, what does not hold at NATS, and what a wrong right would be."""
    home = tmp_path / "home"
    for name, secret in (("hub", "hub"), ("alpha", "secret")):
        write_secret(tmp_path / f"{name}.password", f"{secret}\n")
    how = (
        "--broker", f"mqtt://zephyr@127.0.0.1:{port}", "--kind", "nats",
        "--password-file", str(tmp_path / "hub.password"),
    )  # fmt: skip
    environ = environment(home)
    assert fleet("init", *how, environ=environ).returncode == 0
    bare = fleet("acl", "test", environ=environ)
    assert (bare.returncode, "Try: fleet acl test --agent" in bare.stderr) == (3, True)
    own = ("--agent", "alpha", "--agent-password-file", str(tmp_path / "alpha.password"))

    def openings() -> set[tuple[str, str]]:
        done = fleet("acl", "test", *own, "-o", "json", environ=environ)
        assert done.returncode in (0, 2), done.stderr
        report = json.loads(done.stdout)
        assert report["attempts"] > 50
        return {(one["way"], one["topic"]) for one in report["openings"]}

    assert {way for way, _ in openings()} == {"client-id"}, "ids are bound to nobody, says the page"
    users = (tmp_path / "users.conf").read_text()
    wider = users.replace(
        '["fleet.alpha.heartbeat"', '["fleet.*.heartbeat", "fleet.alpha.heartbeat"'
    )
    assert wider != users
    (tmp_path / "users.conf").write_text(wider)
    os.kill(int((tmp_path / "nats.pid").read_text()), signal.SIGHUP)
    expected = ("publish", "fleet/acl-probe-2/heartbeat")
    wait_until(lambda: expected in openings(), what="the opening")
