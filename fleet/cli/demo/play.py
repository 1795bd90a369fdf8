"""The demo step by step. A step is done only when it was observed from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import click

from fleet.bus.connect_options import connect_options
from fleet.bus.local_broker import LocalBroker
from fleet.bus.mqtt import MqttBus
from fleet.cli.common import bold, clear_screen, ending_signals, paint, say
from fleet.cli.demo.agent import HEALTH, furnish
from fleet.cli.demo.observer import PATIENCE, NotObservedError, Observer, observed
from fleet.cli.demo.stage import AGENTS, Member, Stage, end, free_port
from fleet.cli.status import print_fleet
from fleet.contract.errors import BrokerError
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind, State, Verb
from fleet.domain.verdict import Verdict
from fleet.fleet_state import look
from fleet.settings import Settings, load
from fleet.tokens import Principal, Role, Tokens

INTERVAL: Final = 2
"""Seconds between the demo's bus heartbeats: quick enough to watch."""

SIGNALLED: Final = 128
"""And the number of the signal, as shells report it."""

VICTIM: Final = "curie"
LEAKER: Final = "ada"
LEAK: Final = "jane.doe@example.com"


Steps = tuple[tuple[str, Callable[[], Any]], ...]
"""Title, and what it does; returns the evidence."""


class Play:
    """Runs the steps on a stage and keeps the score."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.members: dict[str, Member] = {}
        self.sidecars: list[subprocess.Popen[str]] = []
        self.failed = 0
        self._step = 0
        self.settings: Settings = load({}, {})
        self.observer = Observer(self.settings)

    async def run(self, *, once: bool) -> bool:
        """All steps in order, then (unless `once`) the live table; whether each was observed."""
        with ExitStack() as stack:
            began = time.monotonic()
            broker = self._open_broker(stack)
            self._title(f"a broker: {broker.name} on {broker.url}")
            if broker.caution:
                click.echo(f"  {broker.caution}")
            self._observed("it accepts connections", began)
            self.settings = self._settings(broker.url)
            self.observer = Observer(self.settings)
            try:
                for title, step in self.steps():
                    await self._play(title, step)
                    if self.failed:
                        return False
                if not once:
                    await self.stay()
                return True
            finally:
                await asyncio.to_thread(self._clear)

    def steps(self) -> Steps:
        """What is shown once the broker runs."""
        return (
            ("a hub that watches, stores and exports", self.start_hub),
            ("five agents, a real sidecar beside each", self.start_agents),
            ("a command to all: version-report", self.command),
            (f"somebody pulls {VICTIM}'s plug (kill -9)", self.death),
            (f"{LEAKER} tries to send a client's address", self.leak),
            ("somebody sends a verb that does not exist: read-mail", self.unknown_verb),
            ("the fleet now", self.table),
        )

    async def start_hub(self) -> str:
        seen = self.observer
        seen.token, _ = Tokens(self.stage.home).create(
            Principal(Role.OPERATOR), timestamp(time.time())
        )
        self.stage.start("fleet", "serve", environ=seen.environ, label="hub")
        await observed(seen.hub_is_ready, "the hub's readiness", self._hub_trouble)
        return f"web page and /metrics on {seen.url}/"

    async def start_agents(self) -> str:
        for name, kind in AGENTS:
            self.members[name] = await asyncio.to_thread(self._start_member, name, kind)
        state = await observed(self.observer.all_ok, "five healthy agents")
        print_fleet(state, "table")
        return "each gave birth on the bus and beats every 2 s; no token was spent"

    async def command(self) -> str:
        output = await self.observer.fleet("command", Verb.VERSION_REPORT.value, "--all")
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
        await observed(
            lambda: self.observer.state_is(VICTIM, Verdict.OFFLINE), "offline in fleet status"
        )
        return f"its last will said offline {took:.0f} ms later"

    async def leak(self) -> str:
        topic = self.settings.topics.of(MessageKind.HEARTBEAT, LEAKER)
        payload = {"ok": True, "ts": timestamp(time.time()), "client": LEAK}
        async with self._bus() as bus:
            await bus.publish(topic, json.dumps(payload).encode())
        await observed(self.observer.rejected, "the rejection in the hub's counters")
        click.echo("  $ fleet audit run")
        rules = await observed(lambda: self.observer.audited(LEAK), "the finding of the audit")
        return f"rejected by the contract and counted; the audit names {rules}, not the address"

    async def unknown_verb(self) -> str:
        payload = json.dumps({"verb": "read-mail"}).encode()
        async with self._bus() as bus:
            before = await self.observer.dropped()
            await bus.publish(self.settings.topics.broadcast, payload)
            living = {name for name, _ in AGENTS} - {VICTIM}

            async def all_counted() -> bool:
                now = await self.observer.dropped()
                return all(now.get(name, 0) > before.get(name, 0) for name in living)

            await observed(all_counted, "the drop in every sidecar's counter")
        return f"dropped and counted by all {len(living)} living sidecars; nobody did anything"

    async def table(self) -> str:
        state = await observed(
            lambda: self.observer.states({Verdict.OK: 4, Verdict.OFFLINE: 1}),
            "four ok and one offline",
        )
        print_fleet(state, "table")
        return "operations yes, context no"

    async def stay(self) -> None:
        """The live table until Ctrl-C."""
        url, token = self.observer.url, self.observer.token
        click.echo(f"\nweb page: {url}/  token: {token}")
        while True:
            await asyncio.sleep(INTERVAL)
            state = await look(self.settings)
            clear_screen()
            click.echo(f"{url}/  token: {token}")
            click.echo("Ctrl-C ends the demo and leaves nothing behind\n")
            print_fleet(state, "table")

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
        click.echo(f"\n{bold(f'{self._step}. {title}')}")

    def _observed(self, evidence: str, began: float) -> None:
        took = time.monotonic() - began
        click.echo(f"  {paint('ok', 'observed')}: {evidence} ({took:.1f} s)")

    async def _play(self, title: str, step: Callable[[], Any]) -> None:
        self._title(title)
        began = time.monotonic()
        try:
            evidence = await step()
        except (NotObservedError, TimeoutError, Rejected) as error:
            self.failed += 1
            say(f"  {paint('critical', 'not observed')}: {error}")
        else:
            self._observed(evidence, began)


async def play(kind: type[Play] = Play, *, once: bool) -> int:
    """Run the demo, or another play; the exit code. SIGTERM and a closed terminal clear away as
    Ctrl-C does."""
    task = asyncio.current_task()
    told: list[int] = []

    def end(number: int) -> None:
        told.append(number)
        if task is not None and len(told) == 1:  # clearing away is not to be cut short
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, end, number)
    try:
        with Stage() as stage:
            return 0 if await kind(stage).run(once=once) else 1
    except (asyncio.CancelledError, OSError):  # a closed terminal takes no more words
        if not told:
            raise
        return SIGNALLED + told[0]
