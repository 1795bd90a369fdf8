"""What we ship keeps the whole contract on every broker that we name, and thirty lines of sh the
lowest profile of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from fleet.bus import embedded_broker
from fleet.bus.local_broker import LocalBroker
from fleet.contract.secret_file import write_secret
from fleet.keys import PUBLIC, rotate
from tests.support.broker import Mosquitto, free_port
from tests.support.examined import Examined
from tests.support.provisioned import ProvisionedBroker
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.timeout(240),  # the fixture examines them all, on a busy machine too
    pytest.mark.xdist_group("tck"),
]
ROOT = Path(__file__).parents[3]
SHELL_AGENT = ROOT / "examples" / "shell-agent" / "agent.sh"
NATS = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
NATS_CONFIG = """
server_name: tck
listen: 127.0.0.1:{client}
jetstream {{ store_dir: "{folder}/jetstream" }}
mqtt {{ listen: 127.0.0.1:{port}, ack_wait: "10s", max_ack_pending: 1000 }}
"""


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[str]:
    broker = Mosquitto(folder).start()
    yield broker.url
    broker.stop()


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[str]:
    port = free_port()
    with LocalBroker(folder, port, embedded=True):
        yield f"mqtt://127.0.0.1:{port}"


@contextlib.contextmanager
def nats(folder: Path) -> Iterator[str]:
    folder.mkdir()
    port, client = free_port(), free_port()
    config = folder / "nats.conf"
    config.write_text(NATS_CONFIG.format(client=client, port=port, folder=folder))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(NATS), "-c", str(config)], stdout=log, stderr=log)
    log_file = folder / "log"
    wait_until(lambda: b"Server is ready" in log_file.read_bytes(), what="the start of NATS")
    yield f"mqtt://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


@dataclass(frozen=True)
class World:
    """A broker, and whether the hub signs there."""

    name: str
    signed: bool
    absent: str = ""

    async def set_up(self, folder: Path, stack: contextlib.ExitStack) -> Site:
        if self.name == "enrolled":
            return await enrolled(folder, stack)
        home = folder / "hub"
        home.mkdir(mode=0o700)
        broker = {"mosquitto": mosquitto, "embedded": embedded, "nats": nats}[self.name]
        url = stack.enter_context(broker(folder / "broker"))
        if not self.signed:
            return Site(home, url, ("--broker", url), {})
        rotate(home, 0.0)
        keys = str(home / "keys" / PUBLIC)
        return Site(home, url, ("--broker", url), {"FLEET_COMMAND_KEYS": keys})


@dataclass(frozen=True)
class Site:
    """A hub's home, how the hub reaches the broker, and how the agent does."""

    home: Path
    url: str
    hub: tuple[str, ...]
    agent: dict[str, str]


async def enrolled(folder: Path, stack: contextlib.ExitStack) -> Site:
    """As `fleet init` and `fleet agent add` make it: dynamic security, TLS, signed commands."""
    broker = ProvisionedBroker(folder)
    stack.callback(broker.stop)
    broker.start()
    secret = folder / "alpha.secret"
    write_secret(secret, (await broker.enrol("alpha"))["alpha"].secret)
    settings = {
        "FLEET_PASSWORD_FILE": str(secret),
        "FLEET_CA_FILE": str(broker.home / "ca" / "ca.pem"),
        "FLEET_COMMAND_KEYS": str(broker.home / "keys" / PUBLIC),
    }
    return Site(broker.home, f"mqtts://127.0.0.1:{broker.plan.tls_port}", (), settings)


WORLDS = (
    World("enrolled", signed=True),
    World("mosquitto", signed=False),
    World("embedded", True, "" if embedded_broker.available() else "iotcore is not installed"),
    World("nats", True, "" if NATS else "nats-server is not installed"),
)


def name(world: World) -> str:
    """For the test's id."""
    return f"{world.name}-{'signed' if world.signed else 'unsigned'}"


def at_work(folder: Path) -> dict[str, str]:
    """The settings of a sidecar that does tasks; its hub is away, so it is given none."""
    write_secret(folder / "token", "a token of nobody's")
    write_secret(folder / "work.toml", '[kinds.research]\nargv = ["true"]\nisolation = "process"\n')
    return {
        "FLEET_WORK": str(folder / "work.toml"),
        "FLEET_HUB": "http://127.0.0.1:9",
        "FLEET_TOKEN_FILE": str(folder / "token"),
    }


def certify(*words: str) -> list[str]:
    return [sys.executable, "-m", "fleet", "tck", "run", *words]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[World, dict[str, dict[str, str]]]:
    """What the kit says of our own sidecar, by broker and rule; all at once, since it waits most
    of its time."""

    async def examine(world: World) -> dict[str, dict[str, str]]:
        folder = tmp_path_factory.mktemp(name(world))
        with contextlib.ExitStack() as stack:
            site = await world.set_up(folder, stack)
            work = at_work(folder)
            sidecar = Sidecar(folder / "agent", site.url, FLEET_RELOAD="none", **site.agent, **work)
            words = [sys.executable, "-m", "agent_sidecar", "run"]
            with Examined(folder / "agent", words, sidecar.environ) as agent:
                process = await asyncio.create_subprocess_exec(
                    *certify("--agent", "alpha", *site.hub, "--home", str(site.home)),
                    *("--restart", agent.line("restart"), "--kill", agent.line("kill")),
                    *("--pause", agent.line("pause"), "--resume", agent.line("resume")),
                    *("--broadcast", "--profile", "worker", "-o", "json"),
                    stdout=subprocess.PIPE, cwd=ROOT,
                )  # fmt: skip
                out, _ = await process.communicate()
        return {found["rule"]: found for found in json.loads(out)["rules"]}

    async def all_of_them() -> dict[World, dict[str, dict[str, str]]]:
        present = [world for world in WORLDS if not world.absent]
        return dict(zip(present, await asyncio.gather(*map(examine, present)), strict=True))

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("world", WORLDS, ids=name)
def test_our_sidecar_passes_on_every_broker(
    world: World, reports: dict[World, dict[str, dict[str, str]]]
) -> None:
    if world.absent:
        pytest.skip(world.absent)
    found = reports[world]
    bad = {rule: item for rule, item in found.items() if item["verdict"] in ("fail", "skipped")}
    assert bad == {}
    not_asked = {rule for rule, item in found.items() if item["verdict"] == "not-applicable"}
    unsigned = {rule for rule in found if rule.startswith("signing.") or rule == "receipt.unsigned"}
    silent = {"alert.valid", "alert.retained", "progress.valid", "progress.epoch"}
    assert not_asked == silent | (set() if world.signed else unsigned)


@pytest.fixture
def shell_agent(broker: Mosquitto, tmp_path: Path) -> Iterator[Examined]:
    words = ["dash", str(SHELL_AGENT), "alpha", "127.0.0.1", str(broker.port)]
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "EVERY": "1", "FULL": "0"}
    with Examined(tmp_path / "agent", words, environ) as agent:
        yield agent


def test_thirty_lines_of_shell_pass_the_lowest_profile(
    shell_agent: Examined, broker: Mosquitto, tmp_path: Path
) -> None:
    assert SHELL_AGENT.read_text().count("\n") <= 30
    agent = ("--agent", "alpha", "--broker", broker.url, "--home", str(tmp_path / "hub"))
    words = certify(*agent, "--profile", "publisher", "-o", "junit")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document = ET.fromstring(done.stdout)  # noqa: S314
    cases = {case.get("name"): case for case in document.iter("testcase")}
    passed = {id_ for id_, case in cases.items() if len(case) == 1}  # its properties alone
    assert {"heartbeat.valid", "status.retained", "alert.valid", "publish.content"} <= passed


def test_whoever_answers_nothing_does_not_pass_as_who_answers(
    shell_agent: Examined, broker: Mosquitto, tmp_path: Path
) -> None:
    agent = ("--agent", "alpha", "--broker", broker.url, "--home", str(tmp_path / "hub"))
    words = certify(*agent, "--profile", "commands", "--wait", "2")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "fail     command.status-report" in done.stdout
    assert "ADR-0005#verb" in done.stdout
    assert "it answered no status-report" in done.stdout
    assert "does not conform" in done.stderr
