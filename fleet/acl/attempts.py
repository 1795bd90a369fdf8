"""What an agent must not be able to do, listed: the attempts of the ACL proof. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.contract.topics import (
    CONTROL,
    CONTROL_RESPONSE,
    FROM_AGENT,
    STATISTICS,
    TO_AGENT,
    Topics,
)
from fleet.contract.vocabulary import MessageKind

GROUP = "acl-proof"
"""The share group of the proof, so that it takes nothing from anybody's real group."""


def foreign_publishes(topics: Topics, agent: str, victims: Sequence[str]) -> list[str]:
    """Topics that `agent` must not write: its own inbox, all of others', and what lies around."""
    return [
        *(topics.of(kind, agent) for kind in TO_AGENT),
        topics.broadcast,
        *(topics.of(kind, victim) for victim in victims for kind in (*FROM_AGENT, *TO_AGENT)),
        *_around(topics, agent),
        f"{STATISTICS.removesuffix('#')}broker/{GROUP}",
        CONTROL,
    ]


def foreign_wills(topics: Topics, agent: str, victims: Sequence[str]) -> list[str]:
    """Topics that a last will of `agent` must not reach; a will is a connection each, so fewer."""
    return [
        *(topics.of(kind, agent) for kind in TO_AGENT),
        topics.broadcast,
        *(topics.of(kind, victim) for victim in victims[:1] for kind in (*FROM_AGENT, *TO_AGENT)),
        f"{STATISTICS.removesuffix('#')}broker/{GROUP}",
    ]


def foreign_filters(topics: Topics, agent: str, victims: Sequence[str]) -> list[str]:
    """Filters that must bring `agent` nothing, plain and with wildcards."""
    return [
        *(topics.of(kind, agent) for kind in FROM_AGENT),
        *(topics.of(kind, victim) for victim in victims for kind in (*FROM_AGENT, *TO_AGENT)),
        *(topics.every(kind) for kind in (*FROM_AGENT, *TO_AGENT)),
        *(f"{topics.prefix}/{victim}/+" for victim in victims),
        *(f"{topics.prefix}/{victim}/#" for victim in victims),
        *topics.everything,
        f"{topics.prefix}/+/+",
        f"{topics.prefix}/{agent}/+",
        f"{topics.prefix}/{agent}/#",
        "#",
        "+/#",
        "+/+",
        "+/+/+",
        STATISTICS,
        STATISTICS.replace("#", "+/+"),
        f"{CONTROL}/#",
        CONTROL_RESPONSE,
    ]


def shared_filters(topics: Topics, victims: Sequence[str]) -> list[tuple[str, str]]:
    """(filter, topic that it matches) pairs whose share group `agent` must not join: where the
    broker lets it, every second message of the hub is gone."""
    victim = victims[0]
    pairs = [
        *((topics.every(kind), topics.of(kind, victim)) for kind in (*FROM_AGENT, *TO_AGENT)),
        *((topics.of(kind, victim), topics.of(kind, victim)) for kind in FROM_AGENT),
        (topics.everything[0], topics.of(MessageKind.HEARTBEAT, victim)),
        ("#", topics.of(MessageKind.HEARTBEAT, victim)),
    ]
    return [(f"$share/{GROUP}/{pattern}", topic) for pattern, topic in pairs]


def foreign_client_ids(topics: Topics, agent: str, victims: Sequence[str]) -> list[str]:
    """Client ids that `agent` must not connect as; the empty one lets the broker choose."""
    return [*victims, topics.manager, f"{agent}-{GROUP}", ""]


def _around(topics: Topics, agent: str) -> list[str]:
    heartbeat = MessageKind.HEARTBEAT.value
    return [
        f"{topics.prefix}/{agent}",
        f"{topics.prefix}/{agent}/{GROUP}",
        f"{topics.prefix}/{agent}/{heartbeat}/{GROUP}",
        f"{topics.prefix}//{heartbeat}",
        f"{topics.manager}/{GROUP}",
        GROUP,
    ]
