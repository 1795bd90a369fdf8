"""Topics: built and parsed in one place; no topic literal stands anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.contract.patterns import AGENT_NAME
from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import MessageKind, Reason

DEFAULT_PREFIX: Final = "fleet"
DEFAULT_MANAGER: Final = "zephyr"


@dataclass(frozen=True, slots=True)
class Route:
    """How one kind travels. A new one is a row here, in the models, and in ADR-0005.

    Attributes:
        from_agent: an agent says it, to the hub; else the hub, to one agent or to all.
        retained: the broker keeps the last one for who connects later: it states how things are.
        recorded: the hub stores it; what it only sends to be counted is not.
    """

    from_agent: bool
    retained: bool = False
    recorded: bool = True


ROUTES: Final = {
    MessageKind.HEARTBEAT: Route(from_agent=True, retained=True),
    MessageKind.STATUS: Route(from_agent=True, retained=True),
    MessageKind.ALERT: Route(from_agent=True, retained=True),
    MessageKind.COMMAND: Route(from_agent=False),
    MessageKind.BROADCAST: Route(from_agent=False),
    MessageKind.RECEIPT: Route(from_agent=False, recorded=False),
    MessageKind.TASK: Route(from_agent=False),
    MessageKind.PROGRESS: Route(from_agent=True),
    MessageKind.LEASE: Route(from_agent=False, recorded=False),
}

FROM_AGENT: Final = tuple(kind for kind, route in ROUTES.items() if route.from_agent)
"""What an agent may publish, and only under its own name."""

TO_AGENT: Final = tuple(
    kind
    for kind, route in ROUTES.items()
    if not route.from_agent and kind is not MessageKind.BROADCAST
)
"""What an agent may read, besides the broadcast, and only under its own name."""

STATES: Final = tuple(kind for kind, route in ROUTES.items() if route.retained)
"""What an agent says of itself, and the broker keeps; the rest is of its moment."""

RECORDED: Final = tuple(kind for kind, route in ROUTES.items() if route.recorded)
"""What the hub stores."""

PASSING: Final = tuple(kind for kind in RECORDED if kind not in STATES)
"""What of it is poison when it is retained: it would be taken up again by who connects later."""


STATISTICS: Final = "$SYS/#"
"""What the broker says of itself; for the hub only."""

BRIDGE_STATE: Final = "$SYS/broker/connection/{}/state"
"""Where Mosquitto says at both ends whether a bridge is up: `1` or `0`, by its client id."""

CONTROL: Final = "$CONTROL/dynamic-security/v1"
CONTROL_RESPONSE: Final = f"{CONTROL}/response"
"""Where Mosquitto's dynamic security plugin is told of accounts, and where it answers."""


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed topic: who it is about and what it carries; `agent` is empty for a broadcast."""

    agent: str
    kind: MessageKind


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one bus: `{prefix}/{agent}/{kind}` and `{manager}/broadcast`."""

    prefix: str = DEFAULT_PREFIX
    manager: str = DEFAULT_MANAGER

    def __post_init__(self) -> None:
        for label, word in (("prefix", self.prefix), ("manager", self.manager)):
            if not is_agent_name(word):
                raise ValueError(f"{label} {word!r} is not a topic level of a-z, 0-9 and -")
        if self.prefix == self.manager:
            raise ValueError("prefix and manager must differ")

    @property
    def broadcast(self) -> str:
        return f"{self.manager}/{MessageKind.BROADCAST}"

    def of(self, kind: MessageKind, agent: str = "") -> str:
        """The topic that carries `kind` for `agent`.

        Raises:
            ValueError: `agent` is not a valid name (it would change the topic's shape).
        """
        if kind is MessageKind.BROADCAST:
            return self.broadcast
        if not is_agent_name(agent):
            raise ValueError(f"{agent!r} is not an agent name")
        return f"{self.prefix}/{agent}/{kind}"

    def every(self, kind: MessageKind) -> str:
        """The filter for `kind` of all agents."""
        return self.broadcast if kind is MessageKind.BROADCAST else f"{self.prefix}/+/{kind}"

    @property
    def passing(self) -> list[str]:
        """The filters for all that is poison when it is retained."""
        return [self.every(kind) for kind in PASSING]

    @property
    def everything(self) -> tuple[str, str]:
        """Filters for all that is published under our two first levels, known or not."""
        return f"{self.prefix}/#", f"{self.manager}/#"

    def parse(self, topic: str) -> Address:
        """The address of `topic`.

        Raises:
            Rejected: the topic is outside the contract.
        """
        if topic == self.broadcast:
            return Address("", MessageKind.BROADCAST)
        levels = topic.split("/")
        if len(levels) == 3 and levels[0] == self.prefix and is_agent_name(levels[1]):
            kind = _KINDS.get(levels[2])
            if kind is not None:
                return Address(levels[1], kind)
        raise Rejected(Reason.UNKNOWN_TOPIC)


_KINDS: Final = {kind.value: kind for kind in (*FROM_AGENT, *TO_AGENT)}


def is_agent_name(text: str) -> bool:
    """Whether `text` may stand as an agent's name, and so as its account and client id."""
    return AGENT_NAME.fullmatch(text) is not None
