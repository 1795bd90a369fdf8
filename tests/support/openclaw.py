"""What an OpenClaw gateway leaves on a machine, as recorded from 2026.9.6, around a process of the
test's that carries its title. The package itself is too heavy for a test of each commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from agent_sidecar.probes.processes import table
from tests.support.waiting import wait_until

_TITLED = """
import pathlib, sys, time
kept = [open(path, "a") for path in sys.argv[1:]]
pathlib.Path('/proc/self/comm').write_text({title!r}[:15])
time.sleep(600)
"""


def titled(title: str, *opened: Path) -> subprocess.Popen[bytes]:
    """A process of that title, with these files open; Linux."""
    argv = [title, "-c", _TITLED.format(title=title), *map(str, opened)]
    process = subprocess.Popen(argv, executable=sys.executable, stdin=subprocess.DEVNULL)
    comm = Path(f"/proc/{process.pid}/comm")
    wait_until(lambda: comm.read_text().strip() == title[:15], what="its title")
    return process


def ticks_of(pid: int) -> int:
    process = table().look(pid)
    assert process is not None
    return process.ticks


class OpenClaw(AbstractContextManager["OpenClaw"]):
    """One state folder, and a gateway once it is started."""

    def __init__(self, folder: Path, port: int, **settings: Any) -> None:
        self.folder = folder
        self.port = port
        self.lock = folder / f"tmp/openclaw-{os.getuid()}/gateway.state.lock"
        self.lock.parent.mkdir(parents=True)
        document = {"gateway": {"port": port}, **settings}
        (folder / "openclaw.json").write_text(json.dumps(document))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> OpenClaw:
        database = self.folder / "state/openclaw.sqlite"
        database.parent.mkdir(exist_ok=True)
        self.process = titled("openclaw-gateway", database)
        self.write_lock()
        return self

    def write_lock(self, **changes: Any) -> None:
        said = {
            "pid": self.pid,
            "startTime": ticks_of(self.pid),
            "port": self.port,
            "configPath": str(self.folder / "openclaw.json"),
            "stateDir": str(self.folder),
        }
        self.lock.write_text(json.dumps({**said, **changes}))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def __exit__(self, *_: object) -> None:
        self.kill()
