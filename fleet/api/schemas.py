"""Request bodies of the HTTP interface: the bus contract's words, nothing freer."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from fleet.contract import limits, patterns
from fleet.contract.fields import Maybe, Shape, TimeToLive, Ulid
from fleet.contract.vocabulary import Priority, Result, Verb

AgentName = Annotated[str, Field(pattern=patterns.anchored(patterns.AGENT))]
Subject = Annotated[str, Field(pattern=patterns.anchored(f"(site:)?(?:{patterns.AGENT})"))]
"""Of whom an alert is: an agent, or a site that is lost."""

Word = Field(strict=False)
"""FastAPI hands over decoded JSON, where a word is still text."""

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


MAX_LISTED: Final = 1000
"""Items of one answer, at most."""

MAX_TEXT: Final = 64
"""Characters of a text to look for: as many as the longest name has."""

MAX_SHOWN: Final = 60
"""Agents of whose past one answer tells: more than a screen has rows."""

MAX_ASKED: Final = 60
"""Agents that the line of one request may name."""

MAX_NAMED: Final = 300
"""Agents that one request may name: as many of the longest names as a body holds."""


class SendBody(Shape):
    """A verb for one agent, for some, or for all."""

    to: Annotated[
        Maybe[AgentName | Annotated[list[AgentName], Field(min_length=1, max_length=MAX_NAMED)]],
        Field(description="the agent, or a list of them; absent: all, by one broadcast"),
    ] = None
    verb: Annotated[Verb, Word, Field(description="one of the four")]
    priority: Annotated[Priority, Word, Field(description="order among waiting ones")] = (
        Priority.NORMAL
    )
    ttl: Annotated[TimeToLive, Field(description="seconds it is valid")] = limits.DEFAULT_TTL
    reply_to: Annotated[Maybe[Ulid], Field(description="id of what this answers")] = None


class AckBody(Shape):
    """A read receipt: how a command from the inbox ended."""

    id: Annotated[Ulid, Field(description="the command's id")]
    result: Annotated[Result, Word, Field(description="how it ended")]


class SilenceBody(Shape):
    """Alerts that shall not be sent for a while; absent fields match all."""

    agent: Annotated[
        Maybe[Subject], Field(description="only this agent, or the loss of `site:NAME`")
    ] = None
    scope: Annotated[
        Maybe[Annotated[str, Field(pattern=r"^(group|site):[0-9A-Za-z][0-9A-Za-z._-]{0,63}$")]],
        Field(description="only this group or site: `group:NAME` or `site:NAME`"),
    ] = None
    code: Annotated[Maybe[Code], Field(description="only this alert code")] = None
    seconds: Annotated[float, Field(ge=60, le=30 * 86_400, description="for how long")]
    begins: Annotated[
        Maybe[Annotated[str, Field(pattern=patterns.anchored(patterns.TIMESTAMP))]],
        Field(description="when; absent: now"),
    ] = None
    maintenance: Annotated[bool, Field(description="whether it is planned work")] = False


class AlertBody(Shape):
    """Which alert is acknowledged."""

    agent: Annotated[
        Maybe[Subject], Field(description="whose, or `site:NAME`; absent: the hub's own")
    ] = None
    code: Annotated[Code, Field(description="which alert")]


class RetryBody(Shape):
    """Which alert route tries again what its receiver would not take."""

    route: Annotated[
        Maybe[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]],
        Field(description="only this route; absent: each"),
    ] = None


class Retried(Shape):
    """How many messages are tried again."""

    messages: int


class VerifiedBody(Shape):
    """What a second source said of an agent."""

    agent: Annotated[AgentName, Field(description="about whom")]
    agrees: Annotated[bool, Field(description="whether it tells the same as the bus")]


class RenameBody(Shape):
    """What an agent is called from now on."""

    to: Annotated[AgentName, Field(description="its new name")]


class SessionBody(Shape):
    """The token that opens a browser session."""

    token: Annotated[str, Field(max_length=200)]


class SentIds(Shape):
    """Ids of the commands that were queued, in the order of their agents."""

    ids: list[str]
    broadcast: Annotated[
        str | None, Field(description="what went to all: its id on the bus, which replies name")
    ] = None


class SilenceId(Shape):
    """Id of a silence, to lift it with."""

    id: str
    known: Annotated[bool, Field(description="whether the hub knows the agent that it names")] = (
        True
    )
