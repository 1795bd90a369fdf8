"""The tools and resources. Read-only unless commands are allowed.

Descriptions carry the words that a model would look for: health, down, broken, version, restart.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection
from functools import wraps
from typing import Annotated, Any, Literal, ParamSpec

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resources import TextResource
from mcp.types import ToolAnnotations
from pydantic import Field

import fleet
from fleet.capacity.asking import ask
from fleet.capacity.listing import Asked
from fleet.commander.over_broker import CommandMessage, known_agents, send
from fleet.contract import patterns
from fleet.contract.errors import FleetError
from fleet.contract.reader import Reader
from fleet.contract.schema_validator import Added, load_schema, with_added
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import MessageKind, Verb
from fleet.fleet_history import Span, audits, open_history
from fleet.fleet_page import Narrowed, look
from fleet.fleet_state import known_names, listed_names
from fleet.fleet_state import look as look_at_all
from fleet.hub_client import HubClient
from fleet.keys import load_signer
from fleet.mcp import answers, operation_answers, runbooks
from fleet.mcp.action_log import record
from fleet.mcp.answers import NAMED
from fleet.mcp.forecast_answer import forecast_answer
from fleet.mcp.words import Words
from fleet.mcp.work_tools import Tool, WorkTools
from fleet.settings import Settings

P = ParamSpec("P")

READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)
ACTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
PATIENCE = 10.0
"""Seconds a command's replies are waited for; a model's turn should not hang."""

MOST_ROLLOUTS = 40
"""Newest rollouts that are told: an answer has 50 lines."""

VerbWord = Literal["health-check", "version-report", "config-reload", "status-report"]
StateWord = Literal["ok", "degraded", "late", "stale", "offline", "unknown", "ghost"]
AgentName = Annotated[str, Field(description="name of an agent, as status lists it")]


def tool_errors(function: Callable[P, Awaitable[str]]) -> Callable[P, Awaitable[str]]:
    """Turn our errors into the package's: any other exception would be hidden from the model."""

    @wraps(function)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return await function(*args, **kwargs)
        except FleetError as error:
            raise ToolError(str(error)) from None

    return wrapped


def build(
    settings: Settings, *, allow_commands: bool, caller: str, allow_content: bool = False
) -> MCPServer:
    """The server for one fleet; `caller` stands in the record of every action."""
    server = MCPServer(
        "fleet",
        version=fleet.__version__,
        instructions=(
            "The fleet of AI agents you look after. Start with `status`. Every answer begins "
            "with its verdict. It holds operations only, never what agents talk about."
        ),
    )
    tools, work = FleetTools(settings, caller), WorkTools(settings, caller)
    looks: list[tuple[Tool, str]] = [
        (tools.status, "Health of all agents: what is down, stale, broken or late, worst first."),
        (tools.describe, "Everything known of one agent: health, checks, versions, alerts."),
        (tools.check, "One line: is the fleet ok, warning, critical or unknown?"),
        (tools.alerts, "Alerts that fire now at the hub: problems that want somebody's attention."),
        (tools.history, "What happened: stored heartbeats, status changes, alerts and commands."),
        (tools.forecast, "What runs out and when: disk, memory, tokens, cost, limits of use."),
        (tools.rollouts, "Updates of agents: which rollout runs, failed or went back, and why."),
        (tools.pairs, "Failover: who is active, who stands by, what waits for a person."),
        (tools.versions, "Which versions run where, and drift: agents of a kind that differ."),
        (tools.audit, "The newest compliance audit: did anything but operations cross the bus?"),
    ]
    reading = [(function.__name__, function, description) for function, description in looks]
    acting: list[tuple[str, Tool, str]] = []
    if allow_commands:
        description = (
            "Send one of four verbs to agents and wait for their replies: probe health, "
            "report versions, reload configuration, report status. Nothing else can be sent."
        )
        acting = [("command", tools.command, description)]
        acting += work.acting(allow_content=allow_content)
    reading += work.reading(allow_content=allow_content)
    for offered, kind in ((reading, READ_ONLY), (acting, ACTS)):
        for name, function, description in offered:
            server.add_tool(
                tool_errors(function),
                name=name,
                description=description,
                annotations=kind,
                structured_output=False,
            )
    _add_resources(server, settings.added_words())
    return server


class FleetTools:
    """The tools over one fleet."""

    def __init__(self, settings: Settings, caller: str) -> None:
        self._settings = settings
        self._caller = caller

    async def status(
        self,
        state: Annotated[StateWord | None, Field(description="only in this state")] = None,
        group: Annotated[str | None, Field(max_length=64, description="only of this one")] = None,
    ) -> str:
        page = await look(self._settings, Narrowed(state=state or "", group=group or ""))
        if (state or group) and not page.views:
            return answers.shortened(["NONE: no agent is so."], page.note)
        return answers.fleet_answer(page, await self._listed_words())

    async def describe(self, agent: AgentName) -> str:
        if not is_agent_name(agent):
            raise ToolError("That is not an agent name. Try: status lists the names.")
        page = await look(self._settings, Narrowed((agent,)))
        words = await self._listed_words()
        if not page.views:
            names = await known_names(self._settings, NAMED + 1)
            known = words.agents(names[:NAMED]) or "none"
            raise ToolError(f"ABSENT: nobody has heard of that agent. Known agents: {known}")
        return answers.agent_answer(page, words)

    async def check(self) -> str:
        page = await look(self._settings)
        return answers.check_answer(page, await self._listed_words())

    async def alerts(self) -> str:
        hub, answer = await self._asked("/v1/alerts")
        words = await self._listed_words()
        with hub.reading():
            return answers.alerts_answer(answer["alerts"], words)

    async def history(
        self,
        agent: Annotated[str | None, Field(description="only this agent")] = None,
        kind: Literal["heartbeat", "status", "alert", "command"] | None = None,
        hours: Annotated[float, Field(gt=0, le=336, description="how far back")] = 6,
        limit: Annotated[int, Field(ge=1, le=50, description="messages at most")] = 20,
    ) -> str:
        span = Span(
            since=time.time() - hours * 3600,
            agent=agent,
            kind=MessageKind(kind) if kind else None,
            limit=limit,
        )
        async with open_history(self._settings) as past:
            found = await past.newest(span)
        return answers.history_answer(found, await self._listed_words())

    async def forecast(
        self,
        agent: Annotated[str | None, Field(description="only this agent")] = None,
    ) -> str:
        answer = await ask(self._settings, Asked(agent))
        return forecast_answer(answer.forecasts, await self._listed_words())

    async def rollouts(
        self,
        id: Annotated[  # noqa: A002, it is what the caller sees
            str | None, Field(pattern=patterns.anchored(patterns.ULID), description="only this one")
        ] = None,
    ) -> str:
        path = f"/v1/rollouts/{id}" if id else f"/v1/rollouts?limit={MOST_ROLLOUTS}"
        hub, answer = await self._asked(path)
        words = await self._listed_words()
        with hub.reading():
            if id:
                return operation_answers.rollout_answer(answer, words)
            return operation_answers.rollouts_answer(answer["rollouts"])

    async def pairs(self) -> str:
        hub, answer = await self._asked("/v1/pairs")
        words = await self._listed_words()
        with hub.reading():
            return operation_answers.pairs_answer(answer["pairs"], words)

    async def versions(self) -> str:
        state = await look_at_all(self._settings)
        return answers.versions_answer(state.views, self._words(state.listed))

    async def audit(self) -> str:
        return answers.audit_answer(await audits(self._settings))

    async def command(
        self,
        verb: VerbWord,
        agents: Annotated[
            list[str], Field(min_length=1, max_length=200, description='names, or ["all"]')
        ],
    ) -> str:
        from fleet.bus.mqtt import open_bus

        settings = self._settings
        everyone = agents == ["all"]
        for name in () if everyone else agents:
            if not is_agent_name(name):
                raise ToolError("That is not an agent name. Try: status lists the names.")
        arguments = {"verb": verb, "agents": agents}
        record(settings.home, timestamp(time.time()), self._caller, "command", arguments)
        signer = load_signer(settings.home)
        async with open_bus(settings) as bus:
            targets = await known_agents(bus, settings.topics) if everyone else sorted(set(agents))
            outcomes = dict.fromkeys(targets, "silent: no reply")
            command = CommandMessage(Verb(verb), tuple(targets))
            if targets:
                async for answer in send(
                    bus,
                    settings.topics,
                    Reader(settings.added_words()),
                    command,
                    expected=targets,
                    patience=PATIENCE,
                    sign=signer.sign if signer else None,
                ):
                    code = f", {answer.code.value}" if answer.code else ""
                    outcomes[answer.agent] = f"{answer.result.value}{code}"
        return answers.command_answer(verb, outcomes, await self._listed_words())

    async def _asked(self, path: str) -> tuple[HubClient, Any]:
        """The hub, and what it answers; asked in a thread, since others are served meanwhile."""

        def ask_it() -> tuple[HubClient, Any]:
            hub = HubClient.needed(self._settings)
            return hub, hub.get(path)

        return await asyncio.to_thread(ask_it)

    def _words(self, listed: Collection[str] | None) -> Words:
        return Words(self._settings.added_words(), listed)

    async def _listed_words(self) -> Words:
        return self._words(await listed_names(self._settings))


def _add_resources(server: MCPServer, added: Added) -> None:
    """The contract's schemas, and a runbook for every alert; with the deployment's own words."""
    for kind in MessageKind:
        server.add_resource(
            TextResource(
                uri=f"fleet://contract/{kind}",
                name=f"contract-{kind}",
                description=f"JSON Schema: {kind.meaning}",
                mime_type="application/schema+json",
                text=json.dumps(with_added(load_schema(kind), added)),
            )
        )
    for code, text in runbooks.runbooks(added.get("alert_codes", ())).items():
        server.add_resource(
            TextResource(
                uri=f"fleet://runbook/{code}",
                name=f"runbook-{code}",
                description=f"What to do about {code}",
                mime_type="text/markdown",
                text=text,
            )
        )
