"""Who may do what on the bus: the ACL, derived from the topics. What is not here is forbidden."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from fleet.contract.topics import BRIDGE_STATE, CONTROL, FROM_AGENT, STATISTICS, TO_AGENT, Topics
from fleet.contract.vocabulary import MessageKind
from fleet.provisioning.names import admin_account, agent_role, bridge_account, hub_account

BRIDGED: Final = (*FROM_AGENT, *TO_AGENT)
"""Kinds of message that a bridge carries; the broadcast stands beside them."""


class Acl(StrEnum):
    """Kinds of ACL in the dynamic security plugin."""

    SEND = "publishClientSend"
    RECEIVE = "publishClientReceive"
    SUBSCRIBE = "subscribeLiteral"
    SUBSCRIBE_PATTERN = "subscribePattern"


DEFAULTS: Final = {
    Acl.SEND: False,
    Acl.RECEIVE: False,
    "subscribe": False,
    "unsubscribe": True,
}
"""What holds where no role says otherwise. The plugin's own default lets everybody receive."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One line of an ACL."""

    acltype: str
    topic: str
    priority: int = 0
    allow: bool = True


@dataclass(frozen=True, slots=True)
class Role:
    """A role with its rights."""

    name: str
    rights: tuple[Right, ...]

    def document(self) -> dict[str, Any]:
        """As the plugin takes it, in `createRole` and in its file."""
        return {"rolename": self.name, "acls": [asdict(right) for right in self.rights]}


def agent(topics: Topics, name: str) -> Role:
    """Publish one's own heartbeat, status and alert; read one's own command and receipt, and
    the broadcast."""
    own = [topics.of(kind, name) for kind in FROM_AGENT]
    readable = [*(topics.of(kind, name) for kind in TO_AGENT), topics.broadcast]
    return Role(
        agent_role(name),
        (
            *(Right(Acl.SEND, topic) for topic in own),
            *(Right(Acl.SUBSCRIBE, topic) for topic in readable),
            *(Right(Acl.RECEIVE, topic) for topic in readable),
        ),
    )


def hub(topics: Topics) -> Role:
    """Read everything and the broker's statistics; publish every kind of message.

    Also heartbeat, status and alert: its HTTP service publishes them for agents that cannot.
    """
    sent = [topics.every(kind) for kind in MessageKind]
    return Role(
        hub_account(topics),
        (
            *(Right(Acl.SEND, topic) for topic in sent),
            *(Right(Acl.SUBSCRIBE_PATTERN, topic) for topic in ("#", STATISTICS)),
            *(Right(Acl.RECEIVE, topic) for topic in ("#", STATISTICS)),
            Right(Acl.SUBSCRIBE_PATTERN, f"{CONTROL}/#", priority=1, allow=False),
        ),
    )


def bridge(topics: Topics) -> Role:
    """What a second broker passes on, both ways, and that it is there: no topic beyond the fleet's,
    no account."""
    passed = [*(topics.every(kind) for kind in BRIDGED), topics.broadcast]
    name = bridge_account(topics)
    return Role(
        name,
        (
            *(Right(Acl.SEND, topic) for topic in (*passed, BRIDGE_STATE.format(name))),
            *(Right(Acl.SUBSCRIBE_PATTERN, topic) for topic in passed),
            *(Right(Acl.RECEIVE, topic) for topic in passed),
        ),
    )


def admin(topics: Topics) -> Role:
    """Make accounts, and nothing else: it neither reads nor writes the fleet's messages."""
    control = f"{CONTROL}/#"
    return Role(
        admin_account(topics),
        (
            Right(Acl.SEND, control),
            Right(Acl.SUBSCRIBE_PATTERN, control),
            Right(Acl.RECEIVE, control),
        ),
    )
