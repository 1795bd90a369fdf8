"""What a broker says it can do, and in words what does not work where it cannot.

A broker of MQTT 5 states its limits in CONNACK, and in the reason codes of what it refuses. Every
door tells a lack in the same sentence: hub, sidecar, `bus-publish`, `fleet doctor`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

from fleet.contract.limits import MAX_PAYLOAD
from fleet.contract.vocabulary import Word

MAX_PACKET: Final = MAX_PAYLOAD + 256
"""Bytes of the largest packet of the contract: its payload, its topic, and MQTT's own."""

WINDOW: Final = 16
"""Unacknowledged publishes a sender wants at a time; Mosquitto disconnects who exceeds its 20."""

KEEP_ALIVE_FACTOR: Final = 1.5
"""A keep-alive of up to so many times what was asked for changes nothing that anybody notices."""


class Weight(Word):
    """How much a lack matters."""

    FATAL = "fatal", "nothing useful can be done over such a broker"
    LIMITS = "limits", "the fleet works, but for what is said"
    HARMLESS = "harmless", "nothing of the fleet needs it"


class Need(Word):
    """What the fleet needs of a broker: the word, and what it is for."""

    QOS_1 = "qos-1", "delivery that is acknowledged"
    WILDCARDS = "wildcards", "one subscription for all agents"
    RETAINED = "retained", "the last word of each agent, for whoever comes later"
    PACKET_SIZE = "packet-size", "room for the contract's longest message"
    SESSION = "session", "messages kept for whoever is away"
    WINDOW = "window", "several messages on the way at once"
    KEEP_ALIVE = "keep-alive", "a dead link noticed in time"
    MQTT_5 = "mqtt-5", "reason codes and stated limits"
    STATISTICS = "statistics", "the broker's own count of what it drops"
    IDENTIFIERS = "identifiers", "subscription identifiers"
    SHARED = "shared", "shared subscriptions"


_WORDS: Final[dict[Need, tuple[Weight, str, str, str]]] = {
    Need.QOS_1: (
        Weight.FATAL,
        "takes QoS 0 only",
        "what is lost would be lost unsaid",
        "max_qos 2 in mosquitto.conf, or another broker",
    ),
    Need.WILDCARDS: (
        Weight.FATAL,
        "takes no subscription with wildcards",
        "the hub cannot listen to all agents",
        "another broker, or its setting for wildcard subscriptions",
    ),
    Need.RETAINED: (
        Weight.LIMITS,
        "keeps no retained messages",
        "without a hub nobody knows of any agent, and a hub that comes later waits for the next"
        " heartbeat",
        "retain_available true in mosquitto.conf, or another broker",
    ),
    Need.PACKET_SIZE: (
        Weight.LIMITS,
        "takes packets of at most {} bytes",
        "what is longer cannot pass",
        f"max_packet_size {MAX_PACKET} or more in mosquitto.conf (0: no limit)",
    ),
    Need.SESSION: (
        Weight.LIMITS,
        "keeps a session for {} s only",
        "what is sent to whoever is away for longer is lost unsaid",
        "a longer session expiry in the broker's configuration",
    ),
    Need.WINDOW: (
        Weight.LIMITS,
        "takes no more than {} unacknowledged at a time",
        "each message waits for those before it, and a backlog takes long",
        f"max_inflight_messages {WINDOW} or more in mosquitto.conf",
    ),
    Need.KEEP_ALIVE: (
        Weight.LIMITS,
        "sets the keep-alive to {} s",
        "a link that died without a word is noticed only after up to twice as long",
        "a shorter keep-alive in the broker's configuration",
    ),
    Need.MQTT_5: (
        Weight.LIMITS,
        "speaks MQTT 3.1.1 only",
        "a denied publish looks like a success, and it does not state its limits",
        "a broker or a listener that speaks MQTT 5",
    ),
    Need.STATISTICS: (
        Weight.LIMITS,
        "tells nothing below $SYS/broker",
        "nobody hears of what it drops",
        "sys_interval 10 in mosquitto.conf, or the broker's own metrics",
    ),
    Need.IDENTIFIERS: (
        Weight.LIMITS,
        "takes no subscription identifiers",
        "a command that is sent live and retained is not told from an ordinary one by the hub",
        "another broker; sidecars drop such commands all the same",
    ),
    Need.SHARED: (
        Weight.HARMLESS,
        "has no shared subscriptions",
        "only programs of your own could miss them",
        "another broker, if they do",
    ),
}

REASONS: Final = {
    0x84: Need.MQTT_5,
    0x95: Need.PACKET_SIZE,
    0x9A: Need.RETAINED,
    0x9B: Need.QOS_1,
    0x9E: Need.SHARED,
    0xA1: Need.IDENTIFIERS,
    0xA2: Need.WILDCARDS,
}
"""Reason codes of MQTT 5 that tell of a lack."""

HUB_ONLY: Final = frozenset({Need.WILDCARDS, Need.STATISTICS, Need.IDENTIFIERS, Need.SHARED})
"""What no agent needs."""


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a broker cannot do; `amount` is what it can, where that is a number."""

    need: Need
    amount: int | None = None

    @property
    def weight(self) -> Weight:
        return _WORDS[self.need][0]

    @property
    def missing(self) -> str:
        """What is missing, as it follows "the broker"."""
        if self.amount is None and self.need is Need.PACKET_SIZE:
            return "takes no message as large as ours"
        return _WORDS[self.need][1].format(self.amount)

    @property
    def effect(self) -> str:
        """What does not work so."""
        return _WORDS[self.need][2]

    @property
    def sentence(self) -> str:
        return f"the broker {self.missing}: {self.effect}"

    @property
    def remedy(self) -> str:
        return _WORDS[self.need][3]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What CONNACK states; by default what is so where it says nothing (MQTT 5, 3.2.2.3).

    Attributes:
        keep_alive: seconds that the broker sets instead of what was asked for; None: it does not.
        session: seconds that it keeps a session; None: as long as was asked for.
    """

    mqtt_5: bool = True
    max_qos: int = 2
    retained: bool = True
    max_packet: int | None = None
    window: int = 65_535
    keep_alive: int | None = None
    session: int | None = None
    wildcards: bool = True
    identifiers: bool = True
    shared: bool = True

    @classmethod
    def of_paho(cls, properties: Any, *, mqtt_5: bool) -> Self:
        """From CONNACK's properties as paho-mqtt reads them; MQTT 3.1.1 has none."""
        if not mqtt_5:
            return cls(mqtt_5=False)

        def stated(name: str, default: Any) -> Any:
            return getattr(properties, name, default)

        return cls(
            max_qos=stated("MaximumQoS", 2),
            retained=bool(stated("RetainAvailable", 1)),
            max_packet=stated("MaximumPacketSize", None),
            window=stated("ReceiveMaximum", 65_535),
            keep_alive=stated("ServerKeepAlive", None),
            session=stated("SessionExpiryInterval", None),
            wildcards=bool(stated("WildcardSubscriptionAvailable", 1)),
            identifiers=bool(stated("SubscriptionIdentifierAvailable", 1)),
            shared=bool(stated("SharedSubscriptionAvailable", 1)),
        )

    @classmethod
    def of_packet(cls, connack: Any) -> Self:
        """From a CONNACK as package `mqtt5` reads it."""
        return cls(
            max_qos=int(connack.max_qos),
            retained=connack.retain_available,
            max_packet=connack.max_packet_size,
            window=connack.receive_max,
            keep_alive=connack.server_keep_alive,
            session=connack.session_expiry_interval,
            wildcards=connack.wildcard_subscription_available,
            identifiers=connack.subscription_id_available,
            shared=connack.shared_subscription_available,
        )

    def lacks(self, *, keep_alive: int, session: int) -> Iterator[Lack]:
        """What is missing, the worst first; `keep_alive` and `session` are the seconds that were
        asked for."""
        if self.max_qos < 1:
            yield Lack(Need.QOS_1)
        if not self.wildcards:
            yield Lack(Need.WILDCARDS)
        if not self.retained:
            yield Lack(Need.RETAINED)
        if self.max_packet is not None and self.max_packet < MAX_PACKET:
            yield Lack(Need.PACKET_SIZE, self.max_packet)
        if self.session is not None and self.session < session:
            yield Lack(Need.SESSION, self.session)
        if self.window < WINDOW:
            yield Lack(Need.WINDOW, self.window)
        if self.keep_alive is not None and self.keep_alive > keep_alive * KEEP_ALIVE_FACTOR:
            yield Lack(Need.KEEP_ALIVE, self.keep_alive)
        if not self.mqtt_5:
            yield Lack(Need.MQTT_5)
        if not self.identifiers:
            yield Lack(Need.IDENTIFIERS)
        if not self.shared:
            yield Lack(Need.SHARED)

    def takes(self, size: int) -> bool:
        """Whether a packet of `size` bytes passes, as far as the broker says."""
        return self.max_packet is None or size <= self.max_packet


def packet_size(topic: str, payload: bytes) -> int:
    """Bytes of a PUBLISH at QoS 1 in MQTT 5 without properties, at most."""
    return len(topic.encode()) + len(payload) + 10
