"""What a proof of the ACL found: openings, each with the way it came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Way(StrEnum):
    """How something forbidden came about."""

    PUBLISH = "publish"
    RETAIN = "retain"
    WILL = "will"
    SUBSCRIBE = "subscribe"
    SHARE = "share"
    CLIENT_ID = "client-id"
    ANONYMOUS = "anonymous"
    CONTROL = "control"
    ROLE = "role"
    GROUP = "group"
    FOREIGN = "foreign"
    DEFAULTS = "defaults"


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """Something that an agent can do and must not; `topic` is a topic, filter, id, role or group.
    `agent` is an account's name where it is nobody's of the fleet, and empty for everybody."""

    agent: str
    way: Way
    topic: str
    version: str = ""


@dataclass(slots=True)
class ProofReport:
    """What was tried and what was found."""

    attempts: int = 0
    openings: list[Opening] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    """What could not be judged at this broker, since the hub itself may not."""
    against: list[str] = field(default_factory=list)
    """Agents that are there, against whom it was tried; beside them one that is made up."""
    others: int = 0
    """How many more are on the list: against them nothing was tried."""
    unheard: list[str] = field(default_factory=list)
    """Topics of those whom the broker lets the agent subscribe to, and on which nothing was said
    meanwhile: whether it would be delivered is not known."""
    left: list[str] = field(default_factory=list)
    """Topics on which something of the proof is retained, or may be where it was broken off."""
    lacking: list[str] = field(default_factory=list)
    """Roles that lack a right which this version gives: made by an older one."""
