"""Releases that came before, run as they were, and the homes that they left.

    python -m tests.support.old_release      # makes tests/support/old_homes/ anew, a file a release

A home in there is made by the real old program: init, a broker, a hub, an enrolled agent with its
sidecar; an alert that was acknowledged, a token, a command, and last an alert that no hub has
confirmed. Its secrets open nothing but that home.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.support.broker import free_port
from tests.support.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
HOMES: Final = Path(__file__).parent / "old_homes"
RELEASES: Final = {"0.1.0": "ab5ff1fb", "before-eras": "b7cdef9d^"}
"""Name → commit: the one that wrote the changes of 0.1.0 down; and the last with the store's schema
3, before the hub's clock could step back."""

ALERT: Final = {"severity": "warning", "state": "firing"}


class Side:
    """A hub's home, its broker and one agent's side in `folder`, run by what is in `tree`."""

    def __init__(self, folder: Path, tree: Path, ports: dict[str, int]) -> None:
        self.folder, self.tree, self.ports = folder, tree, ports
        self.home, self.drop = folder / "hub", folder / "drop"
        self._running: dict[str, subprocess.Popen[str]] = {}

    def environ(self, **settings: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return kept | {"HOME": str(self.folder), "PYTHONPATH": str(self.tree)} | settings

    @property
    def of_hub(self) -> dict[str, str]:
        http = f"127.0.0.1:{self.ports['http']}"
        return self.environ(FLEET_HOME=str(self.home), FLEET_HTTP=http, FLEET_INTERVAL="1")

    @property
    def of_agent(self) -> dict[str, str]:
        given = self.folder / "alpha" / "fleet"
        return self.environ(
            FLEET_AGENT="alpha", FLEET_BROKER=f"mqtts://alpha@localhost:{self.ports['tls']}",
            FLEET_PASSWORD_FILE=str(given / "secret"), FLEET_CA_FILE=str(given / "ca.pem"),
            FLEET_COMMAND_KEYS=str(given / "commands.pub"), FLEET_HOME=str(self.folder / "side"),
            FLEET_DROP=str(self.drop), FLEET_INTERVAL="1", FLEET_PID_FILE=str(self.folder / "pid"),
        )  # fmt: skip

    def fleet(self, *words: str, code: int = 0) -> str:
        """What `fleet WORDS` said."""
        done = subprocess.run(
            [sys.executable, "-m", "fleet", *words], env=self.of_hub, text=True, timeout=60,
            cwd=self.folder, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def start(self, *parts: str) -> None:
        """Of `broker`, `hub` and `sidecar`, those that are wanted."""
        (self.folder / "pid").write_text(f"{os.getpid()}\n")
        calls = {
            "broker": (["mosquitto", "-c", str(self.home / "broker/mosquitto.conf")], self.of_hub),
            "hub": ([sys.executable, "-m", "fleet", "serve"], self.of_hub),
            "sidecar": ([sys.executable, "-m", "agent_sidecar", "run"], self.of_agent),
        }
        for part in parts:
            argv, environ = calls[part]
            environ["PATH"] += ":/usr/sbin"
            with (self.folder / f"{part}.log").open("a") as log:
                self._running[part] = subprocess.Popen(
                    argv, env=environ, cwd=self.folder, stdout=log, stderr=log, text=True
                )
            if part == "hub":
                wait_until((self.home / "hub.json").exists, what="the hub")

    def stop(self, *parts: str) -> None:
        for part in parts or tuple(self._running):
            if process := self._running.pop(part, None):
                process.send_signal(signal.SIGTERM)
                process.wait(20)

    def say(self, code: str) -> None:
        """The agent raises an alert."""
        wait_until(self.drop.is_dir, what="the sidecar")
        temporary = self.drop / f".{code}.tmp"
        temporary.write_text(json.dumps(ALERT | {"code": code}))
        temporary.rename(self.drop / f"alert-{code}.json")
        wait_until(lambda: not (self.drop / f"alert-{code}.json").exists(), what="the sidecar")

    def stored(self, code: str) -> bool:
        """Whether the hub has committed it."""
        file = f"file:{self.home / 'fleet.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(file, uri=True)) as database:
            query = "SELECT 1 FROM alert WHERE agent = 'alpha' AND code = ?"
            return database.execute(query, (code,)).fetchone() is not None


def program(release: str, folder: Path) -> Path:
    """The tree of a release, out of the repository's history; skips where that is cut off."""
    commit = RELEASES[release]
    done = subprocess.run(
        ["git", "archive", commit, "fleet", "agent_sidecar", "skills", "schemas", "scripts", "adr"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"the history up to {commit} is not here")
    tree = folder / f"program-{release}"
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(tree, filter="data")
    return tree


def unpacked(release: str, folder: Path, tree: Path = ROOT) -> Side:
    """The home that a release left, in another place and on other ports."""
    with tarfile.open(HOMES / f"{release}.tar.gz") as tar:
        tar.extractall(folder, filter="data")
    was = json.loads((folder / "was.json").read_text())
    side = Side(folder, tree, {name: free_port() for name in was["ports"]})
    folder.chmod(0o700)
    for path in (side.home / "fleet.toml", side.home / "broker/mosquitto.conf"):
        text = path.read_text().replace(was["folder"], str(folder))
        for name, port in was["ports"].items():
            text = text.replace(str(port), str(side.ports[name]))
        path.write_text(text)
    return side


def make(release: str) -> None:
    """Write the home of a release to `HOMES`."""
    with tempfile.TemporaryDirectory(prefix="fleet-old-") as name:
        folder = Path(name) / "site"
        folder.mkdir(mode=0o700)
        ports = {part: free_port() for part in ("local", "tls", "http")}
        side = Side(folder, program(release, Path(name)), ports)
        side.fleet(
            "init", "--local-port", str(ports["local"]), "--tls-port", str(ports["tls"])
        )  # fmt: skip
        try:
            side.start("broker", "hub")
            side.fleet("agent", "add", "alpha", "--out", str(folder / "alpha"))
            side.start("sidecar")
            side.say("disk-pressure")
            wait_until(lambda: side.stored("disk-pressure"), what="the alert")
            side.fleet("alerts", "ack", "alpha", "disk-pressure")
            side.fleet("command", "version-report", "alpha")
            side.fleet("token", "create", "--role", "viewer")
            side.stop("hub")
            side.say("rate-limited")
        finally:
            side.stop("sidecar")
            side.stop()
        was = {"release": release, "folder": str(folder), "ports": ports}
        (folder / "was.json").write_text(json.dumps(was))
        with tarfile.open(HOMES / f"{release}.tar.gz", "w:gz") as tar:
            for part in ("was.json", "hub", "side", "alpha/fleet"):
                tar.add(folder / part, part, filter=_kept)


def _kept(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if info.name.endswith((".log", ".pid", "-wal", "-shm")):
        return None
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


if __name__ == "__main__":
    HOMES.mkdir(exist_ok=True)
    for each in RELEASES:
        make(each)
