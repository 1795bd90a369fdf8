"""A home on a small disk with every file that the two programs keep, made by themselves."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.bad_disk import Disk, Said, call, call_at_once
from tests.support.kept_files import (
    BEAT,
    RUN,
    SAVE,
    STATE,
    TELL,
    Kept,
    Work,
    act,
    capture,
    depart,
    enrol,
    hub,
    issue,
    say_lack,
    set_aside,
    sign_in,
)  # fmt: skip
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


class World:
    """A home on the disk that is whole again before each case."""

    def __init__(self, disk: Disk, broker_url: str) -> None:
        self.disk = disk
        self.folder = disk.folder.parent
        self.home = disk.folder / "home"
        self.whole = self.folder / "whole"
        self._known: dict[Path, tuple[int, ...]] = {}
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(disk.folder),
            "NO_COLOR": "1",
            "FLEET_HOME": str(self.home),
            "FLEET_DROP": "-",
            "FLEET_BROKER": broker_url,
            "FLEET_AGENT_ENV": str(self.home / "agent.env"),
        }

    def call(self, work: Work) -> Said:
        os.chdir(self.folder)
        return call(work, self.folder, self.environ)

    def call_at_once(self, works: list[Work]) -> list[Said]:
        os.chdir(self.folder)
        return call_at_once(works, self.folder, self.environ)

    def make(self) -> None:
        """Everything that the programs keep, made by themselves."""
        self.home.mkdir(mode=0o700)
        url = self.environ.pop("FLEET_BROKER")
        assert self.call(hub("init", "--own-broker")).code == 0
        self.environ["FLEET_BROKER"] = url
        # Its password is for that one: the home's own does not run.
        own = "mqtt://zephyr@127.0.0.1:1883"
        settings = self.home / "fleet.toml"
        settings.write_text(settings.read_text().replace(own, url))
        for work in (hub("token", "create", "--role", "viewer"), enrol, act, issue, sign_in):
            assert self.call(work).code == 0
        self._write("commands.pub", "ab" * 32 + "\n")
        env = f"FLEET_AGENT=alpha\nFLEET_COMMAND_KEYS={self.home / 'commands.pub'}\n"
        self._write("agent.env", env)
        for work in (BEAT, TELL, say_lack):
            said = self.call(work)
            assert said.code == 0, said.err
        self._write("secret", "sesame\n")
        self._write("broker/mosquitto.pid", "999999\n")
        self._write("audit.toml", "")
        said = self.call(RUN)
        assert said.code == 0, said
        (self.home / "drop").mkdir(mode=0o1733)
        self._write("drop/.agent", "alpha\n")
        self._write("drop/status-1.json", '{"state": "degraded"}')
        firing = {"id": "01J00000000000000000000000", "severity": "warning"}
        codes = {"disk-pressure": firing | {"sources": {"": [True, "warning", 0, 0]}}}
        alarms = {"codes": codes, "untold": [], "said": []}
        self._write(f"{STATE}/alarms.json", json.dumps(alarms))
        self._write(f"{STATE}/self-report", "degraded\n")
        self._serve()
        self._write("client-id.json", '{"broker": "mqtt://elsewhere:1"}')
        for work in (set_aside, capture, depart):  # a hub forgets at once who is to depart
            said = self.call(work)
            assert said.code == 0, said
        assert self.call(SAVE).code in (2, 3)
        shutil.copytree(self.home, self.whole)
        gc.freeze()  # a fork shares what nobody touches

    def renew(self) -> None:
        """Put back what has changed: most of it has not, and there are a thousand cases."""
        self.home.mkdir(exist_ok=True)
        for path in self.home.glob("**/*"):
            if path.is_file() != (self.whole / path.relative_to(self.home)).is_file():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for source in (self.whole, *self.whole.glob("**/*")):
            path = self.home / source.relative_to(self.whole)
            if source.is_dir():
                path.mkdir(exist_ok=True)
                path.chmod(source.stat().st_mode & 0o7777)
            elif not path.exists() or self._known.get(path) != _state(path):
                shutil.copy2(source, path)
                self._known[path] = _state(path)

    def heal(self, kept: Kept, *, content: bool) -> None:
        """Rights and, where what stood there was spoilt, the file: as `Try:` asks for."""
        path = kept.within(self.home)
        self.home.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.home, path.parent):
            if folder.exists():
                folder.chmod(0o700)
        if content:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            for source in self.whole.glob("**/*"):
                place = self.home / source.relative_to(self.whole)
                if source.is_file() and not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    shutil.copy2(source, place)
        if path.exists():
            path.chmod(0o600)

    def _write(self, name: str, text: str) -> None:
        path = self.home / name
        path.write_text(text)
        path.chmod(0o600)

    def _serve(self) -> None:
        """A hub that served once, and left what it leaves when it is killed."""
        log = self.folder / "serve.log"
        with log.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "fleet", "serve", "--http", "127.0.0.1:0"],
                env={**self.environ, "PYTHONPATH": str(ROOT)}, stderr=stream, stdout=stream,
            )  # fmt: skip
        try:
            made = [self.home / name for name in ("hub.json", "clock.json", "fleet.sqlite3")]
            wait_until(lambda: all(path.exists() for path in made), what="what a hub keeps")
            shutil.copy2(self.home / "hub.json", self.folder)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log.read_text()
        shutil.copy2(self.folder / "hub.json", self.home)


def _state(path: Path) -> tuple[int, ...]:
    """What changes with a file, its rights and its dates."""
    found = path.lstat()
    return found.st_ino, found.st_ctime_ns, found.st_size
