"""Machines of a fleet for rollouts: an agent that is updated by commands, `agent-sidecar work`
beside it, and its one-liners, which say the version that runs and whether it works."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fleet.contract.timestamps import timestamp, ulid
from fleet.provisioning.registry import Registry
from fleet.tokens import Tokens
from tests.support.updatable import Updatable
from tests.support.work_hub import WorkHub

LAZY = ("2.9-lazy",)
"""Versions that start, and do no work."""


class Machine:
    """One agent; `start` begins its sidecar."""

    def __init__(self, folder: Path, hub: WorkHub, name: str, **table: Any) -> None:
        self.name = name
        self.agent = Updatable(folder / name / "agent")
        self.away = False
        self._hub = hub
        self._folder = folder / name
        self._work = self._folder / "work.toml"
        self.write(**table)
        token = self._folder / "token"
        token.write_text(hub.served.tokens[name])
        token.chmod(0o600)
        self.log = self._folder / "sidecar.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._said = ""

    def write(self, **changes: Any) -> None:
        """The work file."""
        lines = ["plain_http = true", "poll = 1", "[update]"]
        for name, value in self.agent.table(**changes).items():
            lines.append(f"{name} = {value!r}".replace("'", '"'))
        self._work.write_text("\n".join(lines) + "\n")
        self._work.chmod(0o600)

    def start(self) -> Machine:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "FLEET_AGENT": self.name,
            "FLEET_HOME": str(self._folder / "home"),
            "FLEET_HUB": self._hub.served.url,
            "FLEET_TOKEN_FILE": str(self._folder / "token"),
            "FLEET_WORK": str(self._work),
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agent_sidecar", "work"],
                env=environ, stdout=log, stderr=log,
            )  # fmt: skip
        return self

    def kill(self) -> None:
        """As `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def say(self) -> None:
        """Its one-liners: a bus heartbeat, and its state where that is news."""
        runs = self.agent.runs
        state = "offline" if self.away else "running" if runs else "degraded"
        ts = timestamp(time.time())
        if not self.away:
            work = "fail" if runs in LAZY or not runs else "pass"
            beat = {"ok": bool(runs), "ts": ts, "interval": 60, "checks": {"work": work}}
            self._publish("heartbeat", beat)
        news = f"{state} {runs}"
        if news != self._said:
            told = {"versions": {"agent": runs}} if runs else {}
            if self._publish("status", {"state": state, "ts": ts, **told}):
                self._said = news

    def _publish(self, kind: str, payload: dict[str, Any]) -> bool:
        try:
            return self._hub.ask("POST", f"/v1/publish/{kind}", self.name, payload)[0] == 202
        except OSError:  # the hub is away: the next one says it
            return False


class Machines:
    """All of them, and a thread in which they say how they are."""

    def __init__(self, folder: Path, hub: WorkHub, *names: str) -> None:
        self.each = {name: Machine(folder, hub, name) for name in names}
        self.hub = hub
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __getitem__(self, name: str) -> Machine:
        return self.each[name]

    def start(self, *names: str) -> Machines:
        """Have all speak, and the sidecars of these work; none named: all."""
        self._thread.start()
        for name in names or self.each:
            self.each[name].start()
        return self

    def stop(self) -> None:
        self._done.set()
        self._thread.join(60)
        for machine in self.each.values():
            machine.kill()

    def _run(self) -> None:
        while not self._done.wait(0.3):
            for machine in self.each.values():
                machine.say()

    def rename(self, old: str, new: str) -> None:
        """As `fleet agent rename OLD NEW --now` has it; its sidecar is to be started anew."""
        home, tokens = self.hub.served.home, self.hub.served.tokens
        registry = Registry(home)
        known = registry.agents() or {}
        registry.save(replace(known[old], name=new))
        tokens[new] = tokens.pop(old)
        Tokens(home).rename_agent(old, new)
        machine = self.each[old]
        machine.name = new
        self.each = {one.name: one for one in self.each.values()}
        self.hub.done("POST", f"/v1/agents/{old}/rename", "operator", {"to": new})
        registry.revoke(old, time.time())

    def rollout(self, version: str, agents: Sequence[str] = (), **more: Any) -> str:
        """A rollout that was started; its id."""
        id_ = ulid(time.time())
        times = {"verify": 20, "soak": 1, "timeout": 60, "abort": "100%:9"}
        body = {"id": id_, "version": version, "agents": list(agents or self.each), **times, **more}
        self.hub.done("POST", "/v1/rollouts", "operator", body)
        self.hub.done("POST", f"/v1/rollouts/{id_}/start", "operator")
        return id_

    def look(self, rollout: str) -> dict[str, Any]:
        return self.hub.done("GET", f"/v1/rollouts/{rollout}", "viewer")

    def states(self, rollout: str) -> dict[str, str]:
        return {one["agent"]: one["state"] for one in self.look(rollout)["agents"]}
