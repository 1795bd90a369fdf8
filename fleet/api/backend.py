"""What the HTTP interface asks of the hub; the hub implements it, tests may too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from fleet.api.agent_query import AgentQuery
from fleet.api.event_stream import EventFilter, StreamEvent
from fleet.api.name_list import NameQuery
from fleet.contract.vocabulary import MessageKind, Priority, Result, Verb

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which stored messages: times are seconds since the epoch, None leaves a side open.

    `cursor` is what the page before returned as `next`. `newest`: the last of them, and with the
    cursor those before. `fold`: the same of one agent, heartbeats that say the same told once.
    `step`: hours that one sum is of, of one agent.
    """

    since: float | None = None
    until: float | None = None
    agent: str | None = None
    kind: MessageKind | None = None
    cursor: str | None = None
    limit: int = 100
    newest: bool = False
    fold: bool = False
    step: int = 1


ENDED: Final = 200
"""Alerts that are over on one page, unless somebody asks for another number."""


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """Which alerts: those that fire, with `history` those over, after a `cursor` those alone.
    `told`: with what became of each at the routes."""

    history: bool = False
    code: str | None = None
    agent: str | None = None
    told: bool = False
    cursor: str | None = None
    limit: int = ENDED


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A verb to send; no agents means all, by one broadcast."""

    verb: Verb
    agents: tuple[str, ...]
    priority: Priority
    ttl: int
    reply_to: str | None
    by: str
    """Who sent it: the token's id and role, for the record."""


@dataclass(frozen=True, slots=True)
class SilenceRequest:
    """Alerts to hold back for `seconds`; empty texts match all. `scope` is `group:NAME` or
    `site:NAME`, `begins` in seconds since the epoch, None is now."""

    seconds: float
    by: str
    agent: str = ""
    scope: str = ""
    code: str = ""
    begins: float | None = None
    maintenance: bool = False


class PastError(ValueError):
    """What is to begin has its time behind it; says the hub's time."""


class UnknownCodeError(ValueError):
    """No alert has that code; says which one is like it, or nothing."""


class Backend(Protocol):
    """The hub, seen from HTTP. Every returned object is ready for JSON.

    Attributes:
        about_everybody: held while an answer about everybody is made, so that a large fleet is in
            memory once, however many ask.
    """

    about_everybody: asyncio.Lock

    def ready(self) -> JsonObject:
        """`{"ready": bool, …}`: link to the broker, store writable."""
        ...

    async def agents(self, wanted: AgentQuery) -> tuple[list[bytes], JsonObject]:
        """Agents as JSON texts, worst first, and what is known about the list: `next`, `total`,
        `counts`, `listed`.

        The loop has its turns meanwhile, however many they are.

        Raises:
            ValueError: the cursor is none of ours.
        """
        ...

    async def problems(self, limit: int | None, site: str | None = None) -> list[JsonObject]:
        """What is wrong with the hub itself, then with all agents, worst first; at most `limit`.

        The loop has its turns meanwhile.
        """
        ...

    async def found(self, wanted: AgentQuery) -> tuple[list[JsonObject], JsonObject]:
        """The worst problems of all whom `wanted` is about, at most its limit; and how many agents
        and problems there are, and how `fleet check` calls them."""
        ...

    def names(self, wanted: NameQuery) -> JsonObject:
        """`{"names": […], "total": n, "listed": bool}`: names of agents in order, how many there
        are, and whether anybody keeps a list of who is enrolled."""
        ...

    def agent(self, name: str) -> JsonObject | None: ...

    def labels(self) -> JsonObject:
        """`{"groups": {name: agents}, "labels": {key: {value: agents}}}`."""
        ...

    def sites(self) -> list[JsonObject]:
        """Every site of the fleet by name, and which of them are lost; none where it has none."""
        ...

    def stats(self) -> JsonObject:
        """Counts: agents by verdict, messages, rejects by reason, alerts, commands, store."""
        ...

    async def history(self, span: HistoryQuery) -> JsonObject:
        """`{"messages": […], "next": cursor or null}`, oldest first."""
        ...

    async def rollups(self, span: HistoryQuery) -> JsonObject:
        """`{"hours": […], "next": cursor or null}`, oldest first; a span's kind means nothing."""
        ...

    async def beats(self, agents: Sequence[str], metric: str | None) -> JsonObject:
        """`{"agents": […], "as_of": …}`: of those that are known the last intervals, the share of
        time in which they were heard, and a `metric` by hours."""
        ...

    async def dead_letters(self, before: int | None, limit: int) -> list[JsonObject]:
        """Newest first, those with an id below `before`; no text of a message is in them."""
        ...

    async def send(self, request: CommandRequest) -> tuple[list[str], str | None]:
        """Queue a command; one id an agent, and the id of the broadcast where it went to all.

        Raises:
            KeyError: there is no such agent.
            OverflowError: too many commands are open.
        """
        ...

    async def inbox(self, agent: str | None, *, unread: bool, reading: bool) -> list[JsonObject]:
        """Commands for `agent` (all agents: None), newest last; those ended are kept 7 days.

        `reading` marks them as read: the agent itself asks.
        """
        ...

    async def ack(self, agent: str | None, command: str, result: Result) -> bool:
        """Record the result of a command (read receipt); False if there is no such command.

        `agent` is the caller's own name, None where an operator acknowledges for it.
        """
        ...

    async def publish(self, kind: MessageKind, agent: str, payload: bytes) -> None:
        """Put an agent's own message on the bus, as if it had published it.

        Raises:
            Rejected: the contract does not allow it.
            BrokerError: the broker is away.
        """
        ...

    async def alerts(self, wanted: AlertQuery) -> tuple[list[JsonObject], str | None]:
        """Alerts that fire, worst first; then, with `history`, those over; and the cursor of more.

        Raises:
            ValueError: the cursor is none of ours.
        """
        ...

    def routes(self) -> list[JsonObject]:
        """Alert routes: what waits for each, and what its receiver would not take."""
        ...

    async def retry_alerts(self, route: str | None) -> int:
        """Try again what `route` (None: each) would not take; how many messages that are.

        Raises:
            KeyError: there is no such route.
        """
        ...

    async def acknowledge_alert(self, agent: str | None, code: str, by: str) -> bool:
        """`agent` None: an alert of the hub itself."""
        ...

    def linked_alerts(self, token: str) -> list[JsonObject] | None:
        """Alerts that a notification's link is about and that stand; None: it is none of ours."""
        ...

    async def acknowledge_linked(self, token: str) -> list[JsonObject] | None:
        """Acknowledge them; as above."""
        ...

    async def verified(self, agent: str, *, agrees: bool) -> bool:
        """A second source was asked about `agent`; False if nobody knows the agent."""
        ...

    async def silence(self, wanted: SilenceRequest) -> str:
        """Silence matching alerts; the id of the silence.

        Raises:
            KeyError: nobody belongs to the scope.
        """
        ...

    async def lift(self, silence: str) -> bool: ...

    async def forecast(
        self, agent: str | None, group: str | None, cursor: int, limit: int
    ) -> JsonObject:
        """`{"forecasts": […], "next": cursor or null, "computed_at": …, "whole": bool}`."""
        ...

    def audit(self) -> JsonObject:
        """Summaries of the latest audit reports; no matched value is in them."""
        ...

    async def forget(self, agent: str, *, history: bool) -> JsonObject:
        """Drop an agent, with `history` also all that is stored of it; what was done."""
        ...

    async def rename(self, agent: str, to: str) -> JsonObject:
        """Let all that is known and stored of `agent` be of `to`; what was done."""
        ...

    def events(self, after: int | None, wanted: EventFilter) -> AsyncIterator[list[StreamEvent]]:
        """Events after id `after` (None: from now on) while the client listens; bounded."""
        ...

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """(exposition, content type) as negotiated by the Accept header."""
        ...

    def silences(self) -> JsonObject:
        """`silences` in force, each with the alerts that it hides; those `planned`; `windows`."""
        ...
