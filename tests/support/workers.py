"""One task, done by real processes: what a worker's script may do, and what the hub hears of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_sidecar.work.descendants import below
from agent_sidecar.work.fake_hub import FakeHub, Kept
from agent_sidecar.work.isolation import rungs
from agent_sidecar.work.loop import WorkLoop
from agent_sidecar.work.work_file import WorkFile, parse
from tests.support.waiting import wait_until

ROOM = {"timeout": 30, "memory": "96M", "output": "4M", "pids": 24}
"""Limits that an honest script keeps, and a hostile one meets soon."""


@dataclass
class Bench:
    """A loop over a hub in this process, with its state in a folder of the test's."""

    state: Path
    isolation: str = "process"
    environ: Mapping[str, str] | None = None
    more: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        self.hub = FakeHub()

    def work(self, script: str, **limits: Any) -> WorkFile:
        """A work file of one kind, whose worker is `script` for a shell."""
        kind = {
            "argv": ["/bin/sh", "-c", script, "worker", "{in}/0", "{out}", "{board}"],
            "isolation": self.isolation,
            **ROOM, **(self.more or {}), **limits,
        }  # fmt: skip
        return parse({"poll": 1, "kinds": {"job": kind}}, "the test's")

    def loop(self, script: str, **limits: Any) -> WorkLoop:
        environ = dict(os.environ if self.environ is None else self.environ)
        work = self.work(script, **limits)
        return WorkLoop(self.hub, work, rungs(self.state, environ, "/nowhere"), self.state)

    def do(self, script: str, *content: bytes, **limits: Any) -> Kept:
        """Have one task done to its end."""
        kept = self.hub.submit("job", *(content or (b"hello\n",)))
        self.loop(script, **limits).run(once=True)
        return kept

    def why(self, script: str, **limits: Any) -> str:
        """Why a task was not done; and of whatever it did, nothing is left."""
        kept = self.do(script, **limits)
        assert self.left() == []
        return " ".join(kept.reasons)

    def said(self) -> str:
        """What the last worker said."""
        return (self.state / "job.log").read_text()

    def left(self) -> list[str]:
        """Folders and mounts of attempts that are over."""
        mounts = Path("/proc/mounts").read_text().splitlines()
        mine = [line for line in mounts if str(self.state) in line]
        return mine + [path.name for path in (self.state / "tasks").iterdir()]


def helpers(sidecar: int) -> list[int]:
    """The spawner and the supervisors of that sidecar, and of no other that runs now."""
    return sorted(set(below(sidecar)) & set(carrying("agent_sidecar.work.spawner")))


def carrying(word: str) -> list[int]:
    """Processes with `word` in their command line, without this one and its parents."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) not in (os.getpid(), os.getppid()):
            try:
                if word in (path / "cmdline").read_bytes().decode("utf-8", "replace"):
                    found.append(int(path.name))
            except OSError:
                continue
    return found


def wait_for_none(word: str) -> None:
    """Wait until no process carries `word`: killed ones need a moment to be gone."""
    wait_until(lambda: not carrying(word), what=f"that nobody carries {word}")


HUB_IN_A_PROCESS = f"""
import sys, os, threading
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.support.workers import Bench
from pathlib import Path
bench = Bench(Path(sys.argv[1]), sys.argv[2])
if len(sys.argv) > 4:
    bench.more = {{"image": sys.argv[4]}}
bench.hub.submit("job", b"hello")
bench.loop(sys.argv[3]).run()
"""
"""A sidecar's work alone, to be killed: STATE ISOLATION SCRIPT [IMAGE]."""


def sidecar_argv(state: Path, isolation: str, script: str, *image: str) -> list[str]:
    return [sys.executable, "-c", HUB_IN_A_PROCESS, str(state), isolation, script, *image]
