"""`fleet demo swarm`: three agents share a job by reference; each step is seen from outside."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import click

from fleet.cli.demo.observer import NotObservedError, observed
from fleet.cli.demo.play import Play, Steps
from fleet.cli.demo.stage import end
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.work_vocabulary import FINAL, TaskState
from fleet.hub_client import HubClient
from fleet.provisioning.registry import Enrolled, Registry
from fleet.tokens import Principal, Role, Tokens

GROUP: Final = "swarm"
CREW: Final = (
    Enrolled("boss", groups=(GROUP,), can=("coordinate",), may_delegate=True),
    Enrolled("one", groups=(GROUP,), can=("count", "review")),
    Enrolled("two", groups=(GROUP,), can=("count", "review")),
)
PARTS: Final = 3
"""Tasks that the boss hands on."""

PATIENCE: Final = 150.0
"""Seconds for the whole job: eight processes start one after the other, some on busy machines."""

TEXT: Final = "".join(
    f"The fleet has {number} agents, and the hub knows the state of the fleet.\n"
    for number in ("two", "three", "five", "seven", "eleven", "thirteen")
)


PROGRAMS: Final = Path(__file__).parent / "crew"
"""What the workers are; `examples/swarm` shows them."""


class Swarm(Play):
    """The steps of the swarm."""

    context = task = ""

    def steps(self) -> Steps:
        return (
            ("a hub that keeps tasks, content and boards", self.start_hub),
            ("three agents of one group; a boss and two workers, no model", self.start_crew),
            ("a request to the boss: which word does a text have most?", self.ask),
            ("the boss splits it, hands the parts on, and puts the answer together", self.work),
            ("what stands on the board of the session", self.board),
            ("the answer", self.answer),
        )

    async def start_crew(self) -> str:
        registry, tokens = Registry(self.stage.home), Tokens(self.stage.home)
        for member in CREW:
            registry.save(member)
            token, _ = tokens.create(Principal(Role.AGENT, member.name), timestamp(time.time()))
            self._start_worker(member.name, token)
        await observed(self._all_here, "three agents")
        return "each claims what its enrolment lists, with a token of its own"

    async def ask(self) -> str:
        self.context, text = ulid(time.time()), self.stage.home / "request.txt"
        text.write_text(TEXT)
        words = ("task", "submit", "coordinate", "--group", GROUP, "--in", str(text))
        told = await self.observer.fleet(*words, "--context", self.context)
        self.task = told.split()[-1]
        return f"task {self.task}; the bus carries that there is work, and nothing about it"

    async def work(self) -> str:
        end_at = time.monotonic() + PATIENCE
        while not (found := await self._parts()) or found[self.task]["state"] not in FINAL:
            if time.monotonic() > end_at:
                raise NotObservedError(f"it did not end within {PATIENCE:g} s; {self._logs()}")
            await asyncio.sleep(0.2)
        states = Counter(one["state"] for one in found.values())
        parts = [one for one in found.values() if one["parent"] == self.task]
        if states != {TaskState.COMPLETED.value: PARTS + 1} or len(parts) != PARTS:
            raise NotObservedError(f"{dict(states)}; {self._logs()}")
        done = Counter(one["holder"] for one in parts)
        return "handed on: " + ", ".join(f"{n} to {who}" for who, n in sorted(done.items()))

    async def board(self) -> str:
        listed = await self.observer.fleet("board", "ls", self.context)
        click.echo(listed.rstrip())
        missing = [word for word in ("findings/", "critiques/", "final/") if word not in listed]
        if missing:
            raise NotObservedError(f"nothing in {', '.join(missing)}")
        return "files that workers left in out/SECTION/, and texts by board_write"

    async def answer(self) -> str:
        said = await self.observer.fleet("board", "get", self.context, "final/report.md")
        click.echo(f"  {said.strip()}")
        words = Counter(re.findall("[a-z]+", TEXT.lower()))
        [(word, number)] = words.most_common(1)
        if said.strip() != f"{words.total()} words; most often: {word}, {number} times":
            raise NotObservedError("it is not the right one")
        return "counted again here: it is right"

    async def stay(self) -> None:
        """The hub and its page until Ctrl-C."""
        click.echo(f"\nweb page: {self.observer.url}/  token: {self.observer.token}")
        click.echo("Ctrl-C ends the demo and leaves nothing behind")
        await asyncio.Event().wait()

    # Machinery

    def _start_worker(self, name: str, token: str) -> None:
        home = self.stage.home / "agents" / name
        settings = {
            "FLEET_AGENT": name,
            "FLEET_BROKER": str(self.settings.broker),
            "FLEET_DROP": "-",
            "FLEET_HOME": str(home),
            "FLEET_HUB": self.observer.url,
            "FLEET_KIND": "generic",
            "FLEET_TOKEN_FILE": str(home / "token"),
            "FLEET_WORK": str(home / "work.toml"),
        }
        work = (PROGRAMS / "work.toml").read_text().replace("HERE", str(PROGRAMS))
        work = work.replace('"python3"', f'"{sys.executable}"')
        files = {
            home / "token": token,
            home / "work.toml": work,
            home / ".config/fleet/agent.env": "".join(f"{k}={v}\n" for k, v in settings.items()),
        }
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o600)
            path.write_text(text)
        environ = {"HOME": str(home), "AGENT_SIDECAR": f"{sys.executable} -m agent_sidecar"}
        self.sidecars.append(
            self.stage.start("agent_sidecar", "run", environ=environ, label=f"{name}-sidecar")
        )

    async def _all_here(self) -> bool:
        """Heard, not only listed."""
        found = await self._get("/v1/agents")
        return sum(one["last_seen"] is not None for one in found["agents"]) == len(CREW)

    async def _parts(self) -> dict[str, Any]:
        found = await self._get(f"/v1/tasks?context={self.context}")
        return {one["id"]: one for one in found["tasks"]}

    async def _get(self, path: str) -> Any:
        client = HubClient(self.observer.url, self.observer.token)
        return await asyncio.to_thread(client.get, path)

    def _logs(self) -> str:
        return " ".join(filter(None, (self.stage.complaint(f"{m.name}-sidecar") for m in CREW)))

    def _clear(self) -> None:
        """Sidecars end their workers and say goodbye while the broker still listens."""
        for sidecar in self.sidecars:
            end(sidecar)
