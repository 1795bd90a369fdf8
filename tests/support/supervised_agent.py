"""`agent-sidecar exec` around an agent that does not want to end, and who lives of all that.

The agent ignores what it is told to ignore, and has a child in its group and one in a session of
its own. It writes down its pid, and whether another one lives when it starts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.processes import mentioning
from tests.support.waiting import wait_until

AGENT = """
import os, signal, sys
folder, deaf = sys.argv[1], sys.argv[2:]
for name in deaf:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False
with open(f"{folder}/agents", "a+") as book:
    book.seek(0)
    others = [pid for pid in book.read().split() if lives(pid)]
    if others:
        open(f"{folder}/two", "a").write(f"{others} beside {os.getpid()}\\n")
    book.write(f"{os.getpid()}\\n")
    book.flush()
for own_session in (False, True):
    if os.fork() == 0:
        if own_session:
            os.setsid()
        while True:
            signal.pause()
open(f"{folder}/ready-{os.getpid()}", "w").close()
while True:
    signal.pause()
"""
DEAF = ("SIGTERM", "SIGINT", "SIGHUP")


class SupervisedAgent:
    """Runs `agent-sidecar exec` around this agent, again and again, in one folder."""

    def __init__(self, folder: Path, broker: str = "mqtt://127.0.0.1:1") -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "agent.py").write_text(AGENT)
        self.environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith("FLEET_")},
            "FLEET_DROP": "-",
            "FLEET_KIND": "generic",
            "FLEET_DISK": "-",
            "FLEET_BROKER": broker,
            "FLEET_AGENT": "alpha",
            "FLEET_HOME": str(folder),
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def argv(self, *flags: str, deaf: tuple[str, ...] = DEAF) -> list[str]:
        agent = [sys.executable, "-S", str(self.folder / "agent.py"), str(self.folder), *deaf]
        return [sys.executable, "-m", "agent_sidecar", "exec", *flags, "--", *agent]

    def start(self, *flags: str, deaf: tuple[str, ...] = DEAF) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            argv = self.argv(*flags, deaf=deaf)
            process = subprocess.Popen(argv, env=self.environ, stdout=log, stderr=log)
        self.started.append(process)
        return process

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def agents(self) -> list[int]:
        """Every agent that was ever started, in order, once it is ready."""
        book = self.folder / "agents"
        pids = book.read_text().split() if book.exists() else []
        return [int(pid) for pid in pids if (self.folder / f"ready-{pid}").exists()]

    def wait_agent(self, count: int) -> int:
        """The pid of the agent that was started as number `count`, from 1."""
        return wait_until(lambda: self.agents()[count - 1 : count], what=f"agent {count}")[0]

    def sidecar(self) -> int:
        """The sidecar that runs."""

        def found() -> list[int]:
            lines = mentioning(self.folder).items()
            return [pid for pid, line in lines if line.endswith("-m agent_sidecar run")]

        return wait_until(found, what="the sidecar")[0]

    def watchdog(self, supervisor: int) -> int:
        """A fork of the supervisor, with its command line."""
        lines = mentioning(self.folder)
        return wait_until(
            lambda: [
                pid
                for pid, line in mentioning(self.folder).items()
                if pid != supervisor and line == lines[supervisor]
            ],
            what="the watchdog",
        )[0]

    def wait_nobody(self) -> None:
        wait_until(lambda: not mentioning(self.folder), what=f"the end of all; {self.log}")
        assert self.never_two()

    def never_two(self) -> bool:
        two = self.folder / "two"
        assert not two.exists(), two.read_text()
        return True

    def clear(self) -> None:
        for process in self.started:
            process.kill()
            process.wait(20)
        for pid in mentioning(self.folder):
            os.kill(pid, signal.SIGKILL)
