"""Enrolment as a person does it: init, broker, add, join, run, rotate, revoke, by our programs."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.bus.raw_client import RawClient, Version
from fleet.contract.secret_file import read_secret
from fleet.contract.topics import FROM_AGENT, STATISTICS
from fleet.contract.vocabulary import MessageKind
from fleet.provisioning.connections import connection_as
from fleet.settings import load
from tests.support.broker import free_port
from tests.support.secrets_watch import SecretsWatch
from tests.support.waiting import eventually, wait_until

ROOT = Path(__file__).parents[2]
SEALED = re.compile(r"BEGIN (ENCRYPTED )?PRIVATE KEY-----\n(.+)\n")


class Site:
    """One hub's home and one agent's folder, with the processes started for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.agent_folder = folder / "agent"
        self.logs = folder / "logs"
        self.logs.mkdir()
        self._processes: list[subprocess.Popen[str]] = []

    def environ(self, **extra: str) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("FLEET_")}
        return clean | {"PYTHONPATH": str(ROOT), "FLEET_HOME": str(self.home)} | extra

    def fleet(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "fleet", *arguments],
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        self.log("fleet", done.stderr)
        assert done.returncode == code, done.stderr
        return done.stdout

    def start(self, label: str, *argv: str, **extra: str) -> subprocess.Popen[str]:
        with (self.logs / f"{label}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *argv],
                env=self.environ(**extra),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._processes.append(process)
        return process

    def join(self, document: dict[str, Any]) -> None:
        """What the person does on the agent's side, with the secret on standard input."""
        words = document["join"].split()
        assert words[:2] == ["agent-sidecar", "join"]
        done = subprocess.run(
            [sys.executable, "-m", "agent_sidecar", *words[1:], "--dir", str(self.agent_folder)],
            env=self.environ(),
            input=" ".join(filter(None, (document["secret"], document.get("token")))) + "\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        self.log("join", done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr

    def sidecar(self) -> subprocess.Popen[str]:
        return self.start(
            "sidecar",
            "agent_sidecar",
            "run",
            FLEET_HOME=str(self.folder / "state"),
            FLEET_AGENT_ENV=str(self.agent_folder / "agent.env"),
            FLEET_INTERVAL="1",
            FLEET_DROP="-",
        )

    def log(self, label: str, text: str) -> None:
        with (self.logs / f"{label}.log").open("a") as log:
            log.write(text)

    def stop(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
            process.wait(15)
            if process.stdout:
                process.stdout.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    ports = [
        word
        for flag in ("--local-port", "--tls-port", "--mtls-port")
        for word in (flag, str(free_port()))
    ]
    made.fleet("init", *ports)
    made.start("broker", "fleet", "broker", "up")
    yield made
    made.stop()


def json_document(process: subprocess.Popen[str]) -> dict[str, Any]:
    """One indented JSON document from the stdout of a process that goes on running."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            break
    document: dict[str, Any] = json.loads("".join(lines))
    return document


async def reachable(site: Site) -> RawClient:
    settings = load({"home": str(site.home)}, {})
    visit = RawClient(connection_as(settings, "zephyr", settings.password()), Version.V5)
    return await visit.__aenter__()


def said(watcher: RawClient, kinds: tuple[str, ...] = FROM_AGENT) -> list[dict[str, Any]]:
    """What alpha has published live, in order."""
    topics = {f"fleet/alpha/{kind}" for kind in kinds}
    return [
        json.loads(message.payload)
        for message in watcher.received
        if message.topic in topics and message.payload and not message.retain
    ]


def heartbeats(watcher: RawClient) -> list[dict[str, Any]]:
    return said(watcher, (MessageKind.HEARTBEAT,))


async def test_an_agent_joins_rotates_without_missing_a_heartbeat_and_is_revoked(
    site: Site,
) -> None:
    with SecretsWatch() as watch:
        watcher = None

        async def up() -> bool:
            nonlocal watcher
            try:
                watcher = await reachable(site)
            except Exception:  # noqa: BLE001 - whatever a broker that starts may answer
                return False
            return True

        await eventually(up, what="the broker's start")
        assert watcher is not None
        for pattern in ("#", STATISTICS):
            assert await watcher.subscribe(pattern)

        added = json.loads(site.fleet("agent", "add", "alpha", "--group", "edge", "-o", "json"))
        site.join(added)
        sidecar = site.sidecar()
        await eventually(lambda: len(heartbeats(watcher)) >= 3, what="three heartbeats")

        rotating = site.start(
            "rotate", "fleet", "agent", "rotate", "alpha", "--wait", "40", "-o", "json"
        )
        rotated = json_document(rotating)
        assert rotated["account"] == "alpha.2"
        site.join(rotated)
        sidecar.send_signal(signal.SIGHUP)
        waiter = threading.Thread(target=rotating.wait, daemon=True)
        waiter.start()
        await eventually(lambda: rotating.poll() is not None, what="the end of the rotation")
        assert rotating.returncode == 0, (site.logs / "rotate.log").read_text()
        count = len(heartbeats(watcher))
        await eventually(lambda: len(heartbeats(watcher)) >= count + 3, what="further heartbeats")

        by_session: dict[int, list[int]] = {}
        for message in said(watcher):
            by_session.setdefault(message["boot"], []).append(message["seq"])
        assert len(by_session) == 2
        for said_of_it in by_session.values():
            numbers = sorted({*said_of_it})  # nobody receipts, so some are said again
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "a hole"
        assert site.fleet("acl", "test", "-o", "json")

        site.fleet("agent", "revoke", "alpha")
        refused = json.loads(site.fleet("agent", "list", "--all", "-o", "json"))
        assert refused[0]["revoked_at"] is not None
        silent = len(heartbeats(watcher))

        watch.secrets = secrets_of(site, added, rotated)
        assert len(watch.secrets) >= 6
        site.stop()
        assert len(heartbeats(watcher)) == silent, "a revoked agent was heard"
        assert watch.samples > 10
        assert watch.seen == []
    bus = [message.topic.encode() + b" " + message.payload for message in watcher.received]
    logs = [path.read_bytes() for path in site.logs.iterdir()]
    assert any(b"alpha" in log for log in logs)
    for secret in watch.secrets:
        assert not any(secret in text for text in (*bus, *logs))
    assert_private(site.home)
    assert_private(site.agent_folder)
    await watcher.__aexit__(None, None, None)


def secrets_of(site: Site, *documents: dict[str, Any]) -> set[bytes]:
    """Every secret that this run made, as bytes to look for."""
    found = {document["secret"] for document in documents}
    found |= {read_secret(path) for path in (site.home / "broker").glob("*.password")}
    for path in (*site.home.glob("keys/*.pem"), *site.home.glob("ca/*.key")):
        sealed = SEALED.search(path.read_text())
        assert sealed is not None
        found.add(sealed[2])
    return {text.encode() for text in found}


def assert_private(folder: Path) -> None:
    """Every file with a secret is 0600 and every folder 0700; the broker's own pid file aside."""
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.name != "mosquitto.pid":
            assert mode & 0o077 == 0, f"{path} {mode:04o}"


def test_the_sh_lines_write_the_same_files_as_join(site: Site, tmp_path: Path) -> None:
    text = ""

    def added() -> bool:
        nonlocal text
        done = subprocess.run(
            [sys.executable, "-m", "fleet", "agent", "add", "alpha", "--show", "sh"],
            env=site.environ(), capture_output=True, text=True, timeout=50, check=False,
        )  # fmt: skip
        text = done.stdout
        return done.returncode == 0

    wait_until(added, what="enrolment")
    title, _, shown = text.partition("\n")
    assert title == "# without Python: the same in sh"
    *lines, invitation, secret = shown.splitlines()
    script = "\n".join(lines).replace("/etc/fleet", str(tmp_path / "sh"))
    subprocess.run(["sh", "-c", script], input=f"{secret}\n", text=True, check=True, timeout=20,
                   stderr=subprocess.DEVNULL)  # fmt: skip
    site.join({"join": invitation, "secret": secret})
    for path in site.agent_folder.iterdir():
        text = path.read_text().replace(str(site.agent_folder), str(tmp_path / "sh"))
        assert (tmp_path / "sh" / path.name).read_text() == text
    assert_private(tmp_path / "sh")


def test_the_operators_other_commands_work_as_they_are_documented(
    site: Site, tmp_path: Path
) -> None:
    cells = tmp_path / "cells.json"
    cells.write_text('[{"tenant": "acme"}, {"tenant": "globex"}]')
    out = tmp_path / "agents"

    def imported() -> bool:
        done = subprocess.run(
            [sys.executable, "-m", "fleet", "agent", "import", str(cells), "--out", str(out)],
            env=site.environ(), capture_output=True, text=True, timeout=50, check=False,
        )  # fmt: skip
        return done.returncode == 0

    wait_until(imported, what="the import")
    assert "acme" not in site.fleet("agent", "import", str(cells), "--dry-run")
    listed = json.loads(site.fleet("agent", "list", "-o", "json"))
    assert [(one["name"], one["kind"]) for one in listed] == [
        ("acme", "openclaw"),
        ("globex", "openclaw"),
    ]
    assert_private(out / "acme" / "fleet")
    report = json.loads(site.fleet("acl", "test", "-o", "json"))
    assert report["openings"] == []
    secret = str(out / "acme" / "fleet" / "secret")
    own = site.fleet(
        "acl", "test", "--agent", "acme", "--agent-password-file", secret, "-o", "json"
    )
    assert json.loads(own)["agents"] == ["acme"]

    days = json.loads(site.fleet("broker", "certificates", "-o", "json"))
    assert {one["subject"] for one in days} == {"CN=fleet CA", "CN=localhost", "the CRL"}
    site.fleet("broker", "certificates", "--renew")
    assert "allow_anonymous false" in site.fleet("broker", "config")

    [before] = site.fleet("agent", "keys", "show", "-o", "public").splitlines()
    site.fleet("agent", "keys", "rotate")
    assert before in site.fleet("agent", "keys", "show", "-o", "public").splitlines()
    states = [key["state"] for key in json.loads(site.fleet("agent", "keys", "show", "-o", "json"))]
    assert sorted(states) == ["signs", "waits"]

    site.fleet("agent", "new", str(tmp_path / "ada"), "--kind", "nanobot")
    site.fleet("agent", "add", "ada", "--kind", "nanobot", "--out", str(tmp_path / "ada"))
    assert_private(tmp_path / "ada" / "fleet")
    site.fleet("agent", "add", "ada", code=3)
    site.fleet("agent", "revoke", "nobody", code=3)
    assert site.fleet("init") == ""
