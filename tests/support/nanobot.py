"""The real nanobot, from its own virtual environment, with a model provider of the test's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.broker import free_port
from tests.support.installed_agents import installed
from tests.support.waiting import wait_until

REASON = "nanobot-ai is not installed; sh scripts/agents.sh installs it"

START = 120.0
"""Seconds that a start or a turn may take: one or two are usual, on a busy machine many."""


def find_nanobot() -> str | None:
    """The program of the newest release, where scripts/agents.sh put it."""
    folder = installed("nanobot-0.3.5")
    return str(folder / "bin/nanobot") if folder else None


class Nanobot:
    """One gateway with a home of its own; `start` after `kill` brings it back.

    Args:
        home: stands for the user's home.
        provider: port of an OpenAI-like server on loopback.
        jobs: the job list to begin with.
    """

    def __init__(self, home: Path, provider: int = 9, jobs: list[dict[str, Any]] | None = None):
        program = find_nanobot()
        assert program
        self._program = program
        self._home = home
        self.port = free_port()
        self.folder = home / ".nanobot"
        self.workspace = self.folder / "workspace"
        self.config = self.folder / "config.json"
        self._process: subprocess.Popen[bytes] | None = None
        (self.workspace / "cron").mkdir(parents=True)
        (self.workspace / "SOUL.md").write_text("A client's secret.")
        self.write_config(
            agents={"defaults": {"model": "custom/m", "provider": "custom"}},
            providers={"custom": {"apiKey": "sk-x", "apiBase": f"http://127.0.0.1:{provider}/v1"}},
            gateway={"port": self.port, "heartbeat": {"enabled": False}},
            channels={"websocket": {"enabled": False}},
        )
        if jobs:
            document = {"version": 1, "jobs": jobs}
            (self.workspace / "cron/jobs.json").write_text(json.dumps(document))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def write_config(self, **changes: Any) -> None:
        known = json.loads(self.config.read_text()) if self.config.exists() else {}
        self.config.write_text(json.dumps({**known, **changes}))

    def start(self) -> Nanobot:
        environ = {"HOME": str(self._home), "PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"}
        with (self._home / "log").open("ab") as log:
            # Port and workspace as a user gives them by hand: the run file must tell of them.
            argv = [self._program, "gateway", "--foreground"]
            self._process = subprocess.Popen(
                argv, env=environ, cwd=self._home, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until((self.folder / "run/gateway.json").is_file, START, "nanobot's start")
        return self

    def ask(self, *folders: Path) -> str:
        """One turn of a user with its model, to its end; `folders` stand first on its PATH."""
        path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
        environ = {"HOME": str(self._home), "PATH": path, "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            [self._program, "agent", "--classic", "--no-markdown", "--logs", "-m", "How are they?"],
            env=environ, cwd=self._home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=START, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-2000:]
        return said

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Ends it without a goodbye, as a crash does: the run file stays."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(60)


def job(name: str, every: float, due: float) -> dict[str, Any]:
    """A job that runs every `every` s from `due` s from now on."""
    now = int(time.time() * 1000)
    return {
        "id": name,
        "name": "Letter to a client",
        "enabled": True,
        "schedule": {"kind": "every", "everyMs": int(every * 1000)},
        "payload": {
            "kind": "agent_turn",
            "message": "secret prose",
            "sessionKey": "cli:direct",
            "originChannel": "cli",
            "originChatId": "direct",
        },
        "state": {"nextRunAtMs": now + int(due * 1000), "runHistory": []},
        "createdAtMs": now,
        "updatedAtMs": now,
    }
