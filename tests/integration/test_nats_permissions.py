"""The NATS configuration in the docs, run as it stands there and judged by delivery."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.raw_client import RawClient, Version
from fleet.contract.broker_url import BrokerUrl
from tests.support.broker import free_port
from tests.support.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "nats.md").read_text()
PROGRAM = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="nats-server is not installed")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The MQTT port of a NATS server with the page's configuration."""
    server, users = re.findall(r"((?:^    .*\n|^\n(?=    ))+)", PAGE, re.MULTILINE)[:2]
    mqtt, client = free_port(), free_port()
    text = textwrap.dedent(server).replace(":1883", f":{mqtt}").replace(":4222", f":{client}")
    (tmp_path / "nats.conf").write_text(text.replace("/var/lib/nats", str(tmp_path / "data")))
    hashes = users.replace("HUB_HASH", "hub").replace("ALPHA_HASH", "secret")
    (tmp_path / "users.conf").write_text(textwrap.dedent(hashes))
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
