"""Every command, with everything that it reads gone bad, on a terminal: nothing steers it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import click
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent_sidecar.cli import cli
from fleet.cli.main import fleet as root
from tests.support import hostile
from tests.support.broker import Mosquitto
from tests.support.http_stub import Stub
from tests.support.served import Served, environment
from tests.support.terminal import FORGED, HOSTILE, Shown, on_terminal
from tests.support.waiting import wait_until

SCRIPT = Path(__file__).parents[2] / "scripts" / "bus-publish"
ARG: Final = f"x{HOSTILE}".replace("\x00", "")
"""An argument, and a value of the environment: the system takes no zero byte there."""

pytestmark = pytest.mark.timeout(600)
"""Some 60 programs a test, each started anew."""

STAYS: Final = {"serve", "broker up", "demo", "demo swarm", "agent-sidecar run"}

FLEET: Final[dict[str, str]] = {
    "acl test": "",
    "adr check": "bad-adr",
    "adr list": "--folder bad-adr",
    "acl update": "--dry-run",
    "adr new": "ARG --folder bad-adr",
    "agent add": "newcomer",
    "agent allow": "ada --can research",
    "agent forget": "ARG --yes",
    "agent import": "agents.list",
    "agent keys rotate": "",
    "agent keys show": "",
    "agent list": "",
    "agent new": "new-agents",
    "agent rename": "ada ARG",
    "agent revoke": "ada",
    "agent rotate": "ada",
    "alerts": "",
    "alerts ack": "ada ARG",
    "alerts lift": "ARG",
    "alerts list": "--history",
    "alerts retry": "",
    "alerts silence": "--code disk-pressure",
    "alerts test": "",
    "audit explain": "",
    "audit report": "",
    "audit run": "--quiet --capture capture.jsonl --broker-log broker.log",
    "backup": "copy-of-store",
    "board export": "01KB5QZ2M4W3J8X7V6T5S4R3Q2 -d exported-board",
    "board get": "01KB5QZ2M4W3J8X7V6T5S4R3Q2 final/ARG",
    "board ls": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "board put": "01KB5QZ2M4W3J8X7V6T5S4R3Q2 final/a payload",
    "broadcast": "maintenance-begin",
    "broker accounts": "",
    "broker certificates": "",
    "broker config": "",
    "broker secure": "--admin zephyr --admin-password-file secret.txt",
    "broker up": "",
    "check": "ada",
    "collect": "--wait 1",
    "command": "health-check ada --wait 1",
    "completion": "bash",
    "config check": "",
    "config show": "",
    "dead-letters list": "",
    "dead-letters replay": "NUMBER",
    "dead-letters show": "NUMBER",
    "demo": "",
    "demo swarm": "",
    "doctor": "",
    "export": "prometheus -d exported",
    "forecast": "",
    "history": "",
    "home check": "",
    "init": "--own-broker",
    "maintenance": "",
    "pair": "",
    "pair create": "bots --active ada --standby bob",
    "pair failover": "ARG",
    "pair list": "",
    "pair remove": "ARG",
    "pair show": "ARG",
    "maintenance begin": "--agent ada --for 1h",
    "maintenance end": "ARG",
    "maintenance list": "",
    "mcp": "",
    "mcp snippet": "--for claude",
    "monitor": "--snapshot --since 1h",
    "restore": "payload",
    "schedule install": "collect --dir units",
    "schedule print": "collect",
    "serve": "-v",
    "site": "",
    "site list": "",
    "site remove": "lima",
    "status": "",
    "store migrate": "home",
    "rollout abort": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "rollout create": "--to 2026.10.1 --dry-run",
    "rollout list": "",
    "rollout pause": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "rollout resume": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "rollout rollback": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "rollout start": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "rollout status": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "task approve": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "task cancel": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "task input": "01KB5QZ2M4W3J8X7V6T5S4R3Q2 --in payload",
    "task list": "",
    "task result": "01KB5QZ2M4W3J8X7V6T5S4R3Q2 -d task-result",
    "task retry": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "task show": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "task submit": "research --group homes --in payload",
    "task watch": "01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    "tck rules": "",
    "tck run": "--agent ada --profile publisher --wait 0.5",
    "token create": "--role viewer",
    "token list": "",
    "token revoke": "ARG",
    "token sessions": "",
    "token sign-out": "--all",
    "validate": "fleet/ada/heartbeat ARG",
    "verify": "ada --docker DOCKER --container a",
    "version": "",
}
SIDECAR: Final[dict[str, str]] = {
    "beat": "--timeout 3",
    "check": "",
    "config check": "",
    "exec": "--restart never --no-sidecar -- true",
    "handle": "--timeout 2",
    "join": "invitation",
    "mcp": "",
    "publish": "status state=running",
    "run": "",
    "schedule install": "beat --dir units",
    "schedule print": "beat",
    "words": "",
    "work": "--once",
}
"""Command → words of a right call. A name of `hostile.files` stands for that file."""

MORE: Final = ("status --drift", "status -o wide", "status ada", "history --hourly", "monitor",
               "status -o json", "monitor --snapshot -o jsonl", "audit run --quiet --live 1",
               "audit run --quiet --capture capture.jsonl --suppressions suppressions",
               "command config-reload --all --wait 1 --direct")  # fmt: skip
"""Other ways through the same commands."""


def leaves(command: click.Command, *path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from leaves(inner, *path, name)
        if not command.invoke_without_command:
            return
    yield " ".join(path)


def calls() -> dict[str, list[str]]:
    """Name of a call → the program and its arguments."""
    here = {f"fleet {name}": words for name, words in FLEET.items()}
    here |= {f"fleet {words}": "" for words in MORE}
    here |= {f"agent-sidecar {name}": words for name, words in SIDECAR.items()}
    programs = {"fleet": "fleet", "agent-sidecar": "agent_sidecar"}
    found = {}
    for name, words in here.items():
        program, *path = name.split()
        found[name] = [sys.executable, "-m", programs[program], *path, *words.split()]
    publish = ["sh", str(SCRIPT)]
    found["bus-publish"] = [*publish, "heartbeat", "--direct"]
    found["bus-publish dry"] = [*publish, "heartbeat", "--dry-run"]
    found["bus-publish wrong"] = [*publish, "heartbeat", "ARG.ts=1"]
    return found


def test_each_command_is_in_the_table() -> None:
    assert set(FLEET) == set(leaves(root))
    assert set(SIDECAR) == set(leaves(cli))


class World:
    """Where the calls run: a folder with hostile files, and an environment."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.files = hostile.files(folder)
        self.environ = environment(folder, FLEET_HTTP="127.0.0.1:0", **settings)
        self.words: dict[str, str] = {name: str(path) for name, path in self.files.items()}
        self.words |= {"bad-adr": str(folder / "bad-adr"), "NUMBER": "1"}

    def run(self, name: str, arguments: list[str]) -> Shown:
        given = [self.words.get(word, word).replace("ARG", ARG) for word in arguments]
        home = self.folder / "home" / "".join(c if c.isalnum() else "-" for c in name)
        own = {} if "FLEET_HOME" in self.words else {"FLEET_HOME": str(home)}
        stays = any(name.endswith(one) for one in STAYS) or name == "fleet monitor"
        return on_terminal(given, self.environ | own, stays=stays, cwd=self.folder)

    def judge(self, names: dict[str, list[str]], *, given_wrong: bool = False) -> None:
        """Run all and say of each that let something through what it was."""
        with ThreadPoolExecutor(2) as pool:
            shown = dict(zip(names, pool.map(self.run, names, names.values()), strict=True))
        bad = {name: one.steering() for name, one in shown.items() if one.steering()}
        assert bad == {}
        assert [name for name, one in shown.items() if "Traceback" in one.text] == []
        told = [name for name, one in shown.items() if "evil" in one.text]
        if not given_wrong:
            wrong = {name: one.text for name, one in shown.items() if "wrong call" in one.text}
            assert wrong == {}
        forged = [name for name in told if FORGED in shown[name].text]
        assert set(forged) <= {"fleet dead-letters show"}  # that one shows lines as lines
        assert told, "nothing hostile was shown at all: this proves nothing"
        self.told = told


def test_a_hub_that_lies(tmp_path: Path, broker: Mosquitto) -> None:
    speak(broker)
    with Stub(hostile.docker()) as docker, hostile.hub(hostile.lies(), tmp_path) as environ:
        world = World(tmp_path, FLEET_BROKER=broker.url, FLEET_AGENT="ada", **environ)
        world.words["DOCKER"] = f"tcp://127.0.0.1:{docker.port}"
        world.judge(with_setting("hub", calls()))
        assert {"fleet status", "fleet check", "fleet alerts list", "fleet history"} <= set(
            world.told
        )


def test_a_hub_and_a_broker_that_refuse_with_words(tmp_path: Path) -> None:
    with (
        hostile.Broker(accepts=False) as broker,
        hostile.hub(hostile.refuses(), tmp_path) as environ,
    ):
        world = World(tmp_path, FLEET_BROKER=broker.url, FLEET_AGENT="ada", **environ)
        world.judge({name: call for name, call in calls().items() if "demo" not in name})


def test_a_broker_that_takes_us_in_and_then_refuses_with_words(tmp_path: Path) -> None:
    with hostile.Broker(accepts=True) as broker:
        world = World(tmp_path, FLEET_BROKER=broker.url, FLEET_AGENT="ada")
        names = with_setting("broker", calls()) | {
            name: call for name, call in calls().items() if not name.startswith("fleet")
        }
        world.judge(names)


def test_files_and_words_that_steer(tmp_path: Path) -> None:
    """Settings of every program, and the words of a call themselves."""
    world = World(tmp_path, FLEET_BROKER=ARG, FLEET_AGENT=ARG, FLEET_PREFIX=ARG)
    world.environ["FLEET_AGENT_ENV"] = str(world.files["agent.env"])
    every = calls()
    names = {f"{name} ": [*call, ARG] for name, call in every.items()}
    names |= {f"{name}  ": [*call, f"--{ARG}"] for name, call in every.items()}
    world.judge(names, given_wrong=True)


def test_what_a_hub_has_stored_of_a_hostile_bus(tmp_path: Path, broker: Mosquitto) -> None:
    served = Served(tmp_path / "home", broker).start()
    try:
        speak(broker)
        letter = wait_until(lambda: rejected(served, "fleet/bob/status"), what="the letter")
        world = World(tmp_path, FLEET_BROKER=broker.url)
        world.environ |= served.environ
        world.words |= {"FLEET_HOME": "", "NUMBER": str(letter["id"])}
        names = (
            "status", "monitor", "history", "dead-letters list", "dead-letters show",
            "dead-letters replay", "audit run", "doctor", "check",
        )  # fmt: skip
        found = calls()
        world.judge({f"fleet {name}": found[f"fleet {name}"] for name in names})
        assert "fleet dead-letters show" in world.told
    finally:
        served.stop()


def with_setting(setting: str, names: dict[str, list[str]]) -> dict[str, list[str]]:
    """The calls of `fleet` whose command has this setting."""
    found = {}
    for name, call in names.items():
        command: click.Command = root
        path = name.split()
        if path[0] != "fleet":
            continue
        for word in path[1:]:
            if isinstance(command, click.Group):
                inner = command.get_command(click.Context(command), word)
                command = inner or command
        if any(parameter.name == setting for parameter in command.params):
            found[name] = call
    return found


def speak(broker: Mosquitto) -> None:
    """Say on the bus what a stranger could: text in every place, retained."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    beat = {"ok": True, "ts": hostile.TS, hostile.H: hostile.H, "versions": {"agent": hostile.H}}
    for topic, payload in {
        "fleet/ada/heartbeat": json.dumps(beat).encode(),
        "fleet/bob/status": HOSTILE.encode(),
        "fleet/\u202eeve\u200b/alert": b"{}",
        "fleet/cai/heartbeat": json.dumps({"ok": True, "ts": hostile.TS}).encode(),
    }.items():
        client.publish(topic, payload, 1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def rejected(served: Served, topic: str) -> dict[str, Any] | None:
    letters = served.get("/v1/dead-letters")["dead_letters"]
    return next((letter for letter in letters if letter["topic"] == topic), None)
