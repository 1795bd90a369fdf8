"""`fleet monitor`: what is on the bus, as it comes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from fleet.cli.agent_names import complete_agents
from fleet.cli.common import finish, note, paint, say, with_connection, with_output, write_jsonl
from fleet.cli.message_line import describe
from fleet.cli.time_types import Moment
from fleet.contract.errors import ConfigError
from fleet.contract.publish_properties import Properties, require_none
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics, is_agent_name
from fleet.contract.vocabulary import MessageKind
from fleet.domain.problems import HUB
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.bus.port import Inbound
    from fleet.domain.problems import Problem
    from fleet.fleet_page import FleetPage

STATE: Final = "state"
"""Kind of an event that is no message: how an agent or the hub is."""

MOST_LETTERS: Final = 64
"""Of a text that is searched for: a name has no more than 40."""

RECALLED: Final = 500
"""Stored messages read at a time."""


@click.command()
@click.option(
    "-a", "--agent", "agents", multiple=True, metavar="NAME", help="Only this agent.",
    shell_complete=complete_agents,
)  # fmt: skip
@click.option(
    "-k",
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in MessageKind]),
    help="Only this kind of message.",
)
@click.option("--snapshot", is_flag=True, help="Print what is so now, and exit.")
@click.option("--since", type=Moment(), help="First what the store has since then: 6h, a time.")
@click.option("--tui", is_flag=True, help="A full screen instead of a stream (extra tui).")
@click.option("-n", "--count", type=click.IntRange(min=1), help="Exit after this many messages.")
@with_output("text", "jsonl")
@with_connection
def monitor(
    settings: Settings,
    agents: Sequence[str],
    kinds: Sequence[str],
    snapshot: bool,
    since: float | None,
    tui: bool,
    count: int | None,
    output: str,
) -> None:
    """Retained state first, then every bus event until Ctrl-C. Needs no hub.

    A snapshot begins with a line for each agent, worst first, and for what is wrong with the hub:
    its state as `fleet status` knows it. What is retained of a dead agent still sounds healthy.
    Of more than 1,000 agents it tells the worst, and how many more there are; -o jsonl gives all.
    On the full screen / narrows, : goes to agents, groups, alerts or work, and ? shows the keys.
    """
    for name in agents:
        if not is_agent_name(name):
            raise ConfigError(f"{name!r} is not an agent name", "", "fleet status lists them")
    lens = MonitorFilter(
        settings.topics,
        Reader(settings.added_words()),
        frozenset(agents),
        frozenset(MessageKind(kind) for kind in kinds),
    )
    if tui:
        finish(_on_screen(settings, lens))
        return
    printer = Printer(output, count)
    finish(_watch(settings, lens, printer, live=not snapshot, since=since))


@dataclass(frozen=True)
class MonitorFilter:
    """What to show, and how a message is read."""

    topics: Topics
    reader: Reader
    agents: frozenset[str]
    kinds: frozenset[MessageKind]

    def event(
        self, topic: str, payload: bytes, retained: bool, properties: Properties = ()
    ) -> dict[str, Any] | None:
        """The message as an event, or None where it is not asked for.

        A rejected message is shown by reason and field only: its text may be a leak.
        """
        event: dict[str, Any] = {"received": timestamp(time.time()), "retained": retained}
        try:
            address = self.topics.parse(topic)
        except Rejected as rejected:
            return self._rejected(event, rejected) if not (self.agents or self.kinds) else None
        if self.agents and address.agent and address.agent not in self.agents:
            return None
        if self.kinds and address.kind not in self.kinds:
            return None
        event |= {"agent": address.agent or None, "kind": address.kind.value}
        try:
            require_none(properties)
            message = self.reader.read(address.kind, payload)
        except Rejected as rejected:
            return self._rejected(event, rejected)
        event["summary"] = describe(message)
        event["message"] = message.model_dump(mode="json", exclude_none=True)
        return event

    @staticmethod
    def states(page: FleetPage, received: str) -> Iterator[dict[str, Any]]:
        """What is wrong with the hub, and how each agent is, worst first, as events."""
        if page.own:
            yield _state(received, None, None, page.own)
        for view in page.views:
            yield _state(received, view.agent, view.state.value, page.wrong[view.agent])

    @staticmethod
    def _rejected(event: dict[str, Any], rejected: Rejected) -> dict[str, Any]:
        return event | {"rejected": rejected.reason.value, "field": rejected.field}


def _state(
    received: str, agent: str | None, verdict: str | None, problems: Sequence[Problem]
) -> dict[str, Any]:
    own = (agent or HUB for _ in problems)
    wrong = ", ".join(
        one.of_agent if one.subject == whose else f"{one.severity.value} {one}"
        for one, whose in zip(problems, own, strict=True)
    )
    return {
        "received": received,
        "retained": False,
        "agent": agent,
        "kind": STATE,
        "summary": "; ".join(filter(None, (verdict, wrong))),
        "state": verdict,
        "problems": [problem.as_dict() for problem in problems],
    }


@dataclass
class Printer:
    """Writes events, and says when enough were written."""

    output: str
    count: int | None
    written: int = field(default=0)

    def write(self, event: dict[str, Any]) -> bool:
        """Write one event; True when no more are wanted."""
        if self.output == "jsonl":
            write_jsonl([{key: value for key, value in event.items() if key != "summary"}])
        else:
            say(_line(event))
        self.written += 1
        return self.count is not None and self.written >= self.count


def _line(event: dict[str, Any]) -> str:
    agent = event.get("agent") or "*"
    kind = event.get("kind") or "unknown"
    if "rejected" in event:
        at = f" at {event['field']}" if event["field"] else ""
        text = paint("critical", f"rejected: {event['rejected']}{at}")
    else:
        text = event["summary"]
    mark = "retained " if event["retained"] else ""
    return f"{event['received'][11:19]}  {agent:<20}  {kind:<9}  {mark}{text}"


async def _watch(
    settings: Settings, lens: MonitorFilter, printer: Printer, *, live: bool, since: float | None
) -> None:
    from fleet.bus.mqtt import open_bus
    from fleet.retained import retained_state

    if since is not None and await _recall(settings, lens, printer, since):
        return
    if not live and await _judge(settings, lens, printer):
        return
    async with open_bus(settings) as bus:
        for message in await retained_state(bus, settings.topics.everything):
            if since is not None and live:
                continue  # the past has told already
            event = lens.event(message.topic, message.payload, True, message.properties)
            if event and printer.write(event):
                return
        if not live:
            return
        note("watching the bus; Ctrl-C ends")
        async for message in bus.messages():
            await bus.ack(message)
            if message.topic.startswith("$"):
                continue
            event = lens.event(*_judged(message))
            if event and printer.write(event):
                return


def _judged(inbound: Inbound) -> tuple[str, bytes, bool, Properties]:
    return inbound.topic, inbound.payload, inbound.retain, inbound.properties


async def _judge(settings: Settings, lens: MonitorFilter, printer: Printer) -> bool:
    """Write the state of each agent, or of the worst; True when no more are wanted."""
    from fleet.domain.tally import EVERY
    from fleet.fleet_page import MOST, Narrowed, look, page_of
    from fleet.fleet_state import look as look_at_all

    if lens.kinds:
        return False  # of messages alone
    whom = Narrowed(lens.agents)
    if printer.output == "jsonl" and not lens.agents:  # programs are given everybody
        page = page_of(await look_at_all(settings), EVERY)
    else:
        page = await look(settings, whom, MOST)
    if page.note:
        note(page.note)
    received = timestamp(time.time())
    if any(printer.write(event) for event in lens.states(page, received)):
        return True
    if page.more:
        note(f"… and {page.more}")
        note("Try: fleet monitor --snapshot -o jsonl for all of them; --agent for some")
    return False


async def _recall(settings: Settings, lens: MonitorFilter, printer: Printer, since: float) -> bool:
    """Write what was stored since then; True when no more are wanted.

    Raises:
        ConfigError: no hub serves, and this home has no store.
    """
    from fleet.fleet_history import Span, open_history

    span = Span(since=since, limit=RECALLED)
    async with open_history(settings) as past:
        while True:
            found, cursor = await past.messages(span)
            for stored in found:
                topic = settings.topics.of(MessageKind(stored["kind"]), stored["agent"] or "")
                payload = json.dumps(stored["message"]).encode()
                event = lens.event(topic, payload, stored["retained"])
                if event and printer.write(event | {"received": stored["ts"]}):
                    return True
            if cursor is None:
                return False
            span = replace(span, cursor=cursor)


async def _on_screen(settings: Settings, lens: MonitorFilter) -> None:
    """The table shows the fleet as `fleet status` does; the events come from the bus."""
    from fleet.bus.mqtt import open_bus
    from fleet.cli.monitor_hub_panes import HubPanes
    from fleet.cli.monitor_tui import Screen
    from fleet.fleet_page import Narrowed, look

    async with open_bus(settings) as bus:
        await bus.subscribe(*settings.topics.everything)

        async def lines() -> AsyncIterator[str]:
            async for inbound in bus.messages():
                await bus.ack(inbound)
                event = lens.event(*_judged(inbound))
                if event and not inbound.retain:
                    yield click.unstyle(_line(event))

        async def search(text: str) -> FleetPage:
            return await look(settings, Narrowed(text=text[:MOST_LETTERS]))

        hub = HubPanes(settings).look
        await Screen(partial(look, settings), lines, hub, search).run_async()
