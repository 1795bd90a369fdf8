"""The demo step by step. A step is done only when it was observed from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, Final

import click

from fleet.bus.connect_options import connect_options
from fleet.bus.local_broker import LocalBroker
from fleet.bus.mqtt import MqttBus
from fleet.cli.common import paint
from fleet.cli.demo.agent import HEALTH, furnish
from fleet.cli.demo.stage import AGENTS, Member, Stage, clean_environment, end, free_port
from fleet.cli.status import print_fleet
from fleet.contract.errors import BrokerError
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind, State, Verb
from fleet.domain.verdict import Verdict
from fleet.hub_client import HubClient, HubError
from fleet.retained import look
from fleet.settings import Settings, load
from fleet.tokens import Principal, Role, Tokens

PATIENCE: Final = 30.0
"""Seconds a step may take before it counts as not observed; most take milliseconds."""

INTERVAL: Final = 2
"""Seconds between the demo's bus heartbeats: quick enough to watch."""

TERMINATED: Final = 143
"""128 + SIGTERM, as shells report it."""

VICTIM: Final = "curie"
LEAKER: Final = "ada"
LEAK: Final = "jane.doe@example.com"


class NotObservedError(Exception):
    """A step did not come true in time."""


class Play:
    """Runs the steps on a stage and keeps the score."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.members: dict[str, Member] = {}
        self.failed = 0
        self._step = 0
        self.settings: Settings = load({}, {})
        self.token = ""
        self.url = ""

    async def run(self, *, once: bool) -> bool:
        """All steps in order, then (unless `once`) the live table; whether each was observed."""
        with ExitStack() as stack:
            broker = self._open_broker(stack)
            self._title(f"a broker: {broker.name} on {broker.url}")
            self.settings = self._settings(broker.url)
            steps: tuple[tuple[str, Callable[[], Any]], ...] = (
                ("a hub that watches, stores and exports", self.start_hub),
                ("five agents, a real sidecar beside each", self.start_agents),
                ("a command to all: version-report", self.command),
                (f"somebody pulls {VICTIM}'s plug (kill -9)", self.death),
                (f"{LEAKER} tries to send a client's address", self.leak),
                ("somebody sends a verb that does not exist: read-mail", self.unknown_verb),
                ("the fleet now", self.table),
            )
            try:
                for title, step in steps:
                    await self._play(title, step)
                    if self.failed:
                        return False
                if not once:
                    await self.stay()
                return True
            finally:
                await asyncio.to_thread(self._clear)

    async def start_hub(self) -> str:
        self.token, _ = Tokens(self.stage.home).create(
            Principal(Role.OPERATOR), timestamp(time.time())
        )
        self.stage.start("fleet", "serve", environ=self._environ(), label="hub")
        await observed(self._hub_is_ready, "the hub's readiness", self._hub_trouble)
        return f"web page and /metrics on {self.url}/"

    async def start_agents(self) -> str:
        for name, kind in AGENTS:
            self.members[name] = await asyncio.to_thread(self._start_member, name, kind)
        views = await observed(self._all_ok, "five healthy agents")
        print_fleet(views, "table")
        return "each gave birth on the bus and beats every 2 s; no token was spent"

    async def command(self) -> str:
        output = await self._fleet("command", Verb.VERSION_REPORT.value, "--all")
        if output.count(" done ") != len(AGENTS):
            raise NotObservedError(f"not all replied:\n{output}")
        click.echo(output.rstrip())
        return "five replies, each with the time it took"

    async def death(self) -> str:
        topic = self.settings.topics.of(MessageKind.STATUS, VICTIM)
        member = self.members[VICTIM]
        async with self._bus() as bus:
            await bus.subscribe(topic)
            killed = time.monotonic()
            for process in (member.agent, member.sidecar):
                os.kill(process.pid, signal.SIGKILL)
            reader = Reader()
            async with asyncio.timeout(PATIENCE):
                async for inbound in bus.messages():
                    status = reader.read(MessageKind.STATUS, inbound.payload)
                    if getattr(status, "state", None) is State.OFFLINE and not inbound.retain:
                        break
        took = (time.monotonic() - killed) * 1000
        await observed(lambda: self._state_is(VICTIM, Verdict.OFFLINE), "offline in fleet status")
        return f"its last will said offline {took:.0f} ms later"

    async def leak(self) -> str:
        topic = self.settings.topics.of(MessageKind.HEARTBEAT, LEAKER)
        payload = {"ok": True, "ts": timestamp(time.time()), "client": LEAK}
        async with self._bus() as bus:
            await bus.publish(topic, json.dumps(payload).encode())
        await observed(self._rejected, "the rejection in the hub's counters")
        click.echo("  $ fleet audit run")
        rules = await observed(self._audited, "the finding of the audit")
        return f"rejected by the contract and counted; the audit names {rules}, not the address"

    async def unknown_verb(self) -> str:
        payload = json.dumps({"verb": "read-mail"}).encode()
        async with self._bus() as bus:
            before = await self._dropped()
            await bus.publish(self.settings.topics.broadcast, payload)
            living = {name for name, _ in AGENTS} - {VICTIM}

            async def all_counted() -> bool:
                now = await self._dropped()
                return all(now.get(name, 0) > before.get(name, 0) for name in living)

            await observed(all_counted, "the drop in every sidecar's counter")
        return f"dropped and counted by all {len(living)} living sidecars; nobody did anything"

    async def table(self) -> str:
        views = await observed(
            lambda: self._states({Verdict.OK: 4, Verdict.OFFLINE: 1}), "four ok and one offline"
        )
        print_fleet(views, "table")
        return "operations yes, context no"

    async def stay(self) -> None:
        """The live table until Ctrl-C."""
        click.echo(f"\nweb page: {self.url}/  token: {self.token}")
        while True:
            await asyncio.sleep(INTERVAL)
            views = await look(self.settings)
            click.clear()
            click.echo(f"{self.url}/  token: {self.token}")
            click.echo("Ctrl-C ends the demo and leaves nothing behind\n")
            print_fleet(views, "table")

    # Observations

    async def _all_ok(self) -> Any:
        return await self._states({Verdict.OK: len(AGENTS)})

    async def _states(self, wanted: Mapping[Verdict, int]) -> Any:
        views = await look(self.settings)
        counts = {verdict: sum(view.state is verdict for view in views) for verdict in wanted}
        return views if counts == wanted and len(views) == len(AGENTS) else None

    async def _state_is(self, agent: str, verdict: Verdict) -> bool:
        return any(
            view.agent == agent and view.state is verdict for view in await look(self.settings)
        )

    async def _rejected(self) -> bool:
        stats = await self._http("/v1/stats")
        return bool(stats and stats.get("rejects", {}).get("unknown-field"))

    async def _audited(self) -> str | None:
        """The rules that the audit of the hub's own capture found broken."""
        output = await self._fleet("audit", "run", "-o", "json", expected=(0, 2, 3), quiet=True)
        if LEAK in output:
            raise NotObservedError("the audit itself shows the address")
        found = {finding["rule"] for finding in json.loads(output)["findings"]}
        return ", ".join(sorted(found)) if "pii.email" in found else None

    async def _hub_is_ready(self) -> bool:
        """The hub took a free port and left its address in its home."""
        with suppress(HubError):
            self.url = HubClient.of(self.stage.home).url
        return bool(self.url and await self._http("/readyz"))

    async def _dropped(self) -> dict[str, float]:
        return {
            view.agent: view.metrics.get("rejected_total", 0.0)
            for view in await look(self.settings)
        }

    async def _http(self, path: str) -> Any:
        with suppress(HubError):
            return await asyncio.to_thread(HubClient(self.url, self.token).get, path)
        return None

    # Machinery

    def _open_broker(self, stack: ExitStack) -> LocalBroker:
        """A broker on the first port that is still free when it gets there: another demo may
        look for one at the same moment."""
        port = 18830
        while True:
            port = free_port(port)
            try:
                return stack.enter_context(LocalBroker(self.stage.home / f"broker-{port}", port))
            except BrokerError:
                if port > 18840:
                    raise
                port += 1

    def _start_member(self, name: str, kind: str) -> Member:
        home = self.stage.home / "agents" / name
        agent = self.stage.start("fleet.cli.demo.agent", kind, environ={}, label=f"{name}-agent")
        port = self.stage.first_line(agent, f"{name}-agent")
        furnish(home, kind, agent.pid)
        environ = {
            "HOME": str(home),
            "FLEET_HOME": str(home),
            "FLEET_AGENT": name,
            "FLEET_AGENT_HOME": str(home),
            "FLEET_BROKER": str(self.settings.broker),
            "FLEET_DROP": "-",
            "FLEET_ENDPOINT": f"http://127.0.0.1:{port}{HEALTH[kind]}",
            "FLEET_INTERVAL": str(INTERVAL),
            "FLEET_KIND": kind,
            "FLEET_PID_FILE": str(home / "agent.pid"),
            "FLEET_PROFILE": str(home / "config.json"),
        }
        label = f"{name}-sidecar"
        return Member(
            name,
            kind,
            agent,
            self.stage.start("agent_sidecar", "run", environ=environ, label=label),
        )

    async def _fleet(
        self, *arguments: str, expected: tuple[int, ...] = (0,), quiet: bool = False
    ) -> str:
        """What `fleet ARGUMENTS` prints, as a user would see it."""
        if not quiet:
            click.echo(f"  $ fleet {' '.join(arguments)}")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "fleet",
            *arguments,
            env=clean_environment() | self._environ(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        output, errors = await process.communicate()
        if process.returncode not in expected:
            complaint = errors.decode(errors="replace").strip()
            raise NotObservedError(f"exit code {process.returncode}: {complaint}")
        return output.decode(errors="replace")

    def _environ(self) -> dict[str, str]:
        return {
            "FLEET_HOME": str(self.stage.home),
            "FLEET_BROKER": str(self.settings.broker),
            "FLEET_HTTP": "127.0.0.1:0",
        }

    def _settings(self, url: str) -> Settings:
        flags = {"home": str(self.stage.home), "broker": url, "http": "127.0.0.1:0"}
        return load(flags, {})

    def _bus(self) -> MqttBus:
        return MqttBus(connect_options(self.settings))

    def _hub_trouble(self) -> str:
        return self.stage.complaint("hub")

    def _clear(self) -> None:
        """Sidecars say goodbye while the broker still listens."""
        for member in self.members.values():
            end(member.sidecar)

    def _title(self, title: str) -> None:
        self._step += 1
        click.echo(f"\n{click.style(f'{self._step}. {title}', bold=True)}")

    async def _play(self, title: str, step: Callable[[], Any]) -> None:
        self._title(title)
        try:
            evidence = await step()
        except (NotObservedError, TimeoutError, Rejected) as error:
            self.failed += 1
            click.echo(f"  {paint('critical', 'not observed')}: {error}")
        else:
            click.echo(f"  {paint('ok', 'observed')}: {evidence}")


async def observed(
    fact: Callable[[], Any], what: str, trouble: Callable[[], str] = lambda: ""
) -> Any:
    """The first truthy result of `fact`.

    Raises:
        NotObservedError: it did not come true in `PATIENCE` seconds.
    """
    end_at = time.monotonic() + PATIENCE
    while time.monotonic() < end_at:
        value = await fact()
        if value:
            return value
        await asyncio.sleep(0.1)
    raise NotObservedError(f"{what} did not come within {PATIENCE:g} s. {trouble()}".strip())


async def play(*, once: bool) -> int:
    """Run the demo; the exit code. SIGTERM clears away as Ctrl-C does."""
    task = asyncio.current_task()
    told = asyncio.Event()

    def end() -> None:
        told.set()
        if task is not None:
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    try:
        with Stage() as stage:
            return 0 if await Play(stage).run(once=once) else 1
    except asyncio.CancelledError:
        if not told.is_set():
            raise
        return TERMINATED
