"""What our broker can do, as far as it says or shows, and what of it was told to the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent_sidecar.mqtt.packet_limit import PacketLimit
from agent_sidecar.mqtt.retaining import Retaining
from fleet.contract.broker_capabilities import (
    HUB_ONLY,
    REASONS,
    WINDOW,
    Capabilities,
    Lack,
    Need,
    Weight,
)
from fleet.contract.limits import MAX_TTL

log = logging.getLogger(__name__)

NO_RETAIN: Final = Lack(Need.RETAINED).sentence
"""Why a broker that keeps nothing refuses our last will."""

TOO_LARGE: Final = Lack(Need.PACKET_SIZE).sentence
"""Why a broker hangs up that says so."""

MAX_TOLD: Final = 64
"""Lacks that are said, each once: what a broker states must not fill a log."""


class BrokerAbility:
    """Knows the limits of one broker; `keepalive` is what we ask for, in seconds.

    Attributes:
        retaining: whether messages may be retained.
        states: whether the broker states its limits (MQTT 5).
        keepalive: seconds between signs of life, as the broker wants them.
        window: unacknowledged publishes that it takes.
        packets: how large a packet may be.
    """

    def __init__(self, broker: object, keepalive: int) -> None:
        self._broker = broker
        self._asked = self.keepalive = keepalive
        self._lacks: tuple[Lack, ...] = ()
        self._told: set[tuple[str, Lack]] = set()
        self.retaining = Retaining()
        self.states = False
        self.window = WINDOW
        self.packets = PacketLimit()

    def refused(self, code: int) -> str:
        """Why CONNECT was answered with `code`, if it is for something the broker cannot do."""
        need = REASONS.get(code)
        self._lacks = () if need in (None, Need.MQTT_5) else (Lack(need),)
        return self._lacks[0].sentence if self._lacks else ""

    def stated(self, properties: Properties | None, now: float, protocol: str) -> str:
        """Take in CONNACK's properties; why the broker is of no use, or nothing."""
        able = Capabilities.of_paho(properties, mqtt_5=protocol == "MQTT 5")
        lacks = able.lacks(keep_alive=self._asked, session=MAX_TTL)
        self._lacks = tuple(lack for lack in lacks if lack.need not in HUB_ONLY)
        if self._lacks and self._lacks[0].weight is Weight.FATAL:
            return self._lacks[0].sentence
        self.states = able.mqtt_5
        self.retaining.connected(able.retained if able.mqtt_5 else None)
        self.keepalive = min(self._asked, able.keep_alive or self._asked)
        self.window = min(WINDOW, able.window)
        self.packets.connected(able.max_packet, now)
        for lack in self._lacks:
            self.tell(f"connected to {self._broker}", lack)
        return ""

    def goes_without_retain(self, why: str, now: float, *, silent: bool) -> bool:
        """Whether to try again at once with nothing that is retained; see `Retaining.lost`."""
        return self.retaining.lost(now, refused=why == NO_RETAIN, silent=silent)

    def granted(self, filters: Sequence[str], reasons: Sequence[ReasonCode]) -> int:
        """Take in SUBACK; how many of the subscriptions are refused, or of less than QoS 1."""
        refused = [reason.is_failure or reason.value < 1 for reason in reasons]
        for name, reason, bad in zip(filters, reasons, refused, strict=False):
            if bad and not reason.is_failure:
                self.tell(f"connected to {self._broker}", Lack(Need.QOS_1))
            elif bad:
                log.warning("the broker refused the subscription to %s: %s", name, reason)
        return sum(refused)

    def acknowledged(self) -> None:
        """A publish was taken."""
        if self.retaining.acknowledged():
            self.tell(f"connected to {self._broker}", Lack(Need.RETAINED))

    @property
    def no_retain(self) -> Lack | None:
        """That it keeps no retained messages, if so."""
        return None if self.retaining.possible else Lack(Need.RETAINED)

    @property
    def too_large(self) -> Lack:
        """Why a message is set aside."""
        return Lack(Need.PACKET_SIZE, self.packets.most)

    def remedy(self, why: str) -> str:
        """What to try, if `why` there is no link is something that the broker cannot do."""
        known = (*self._lacks, Lack(Need.PACKET_SIZE))
        return next((lack.remedy for lack in known if lack.sentence == why), "")

    def tell(self, what: str, lack: Lack) -> None:
        """Say once what the broker cannot do, and what of ours that meets."""
        if (what, lack) not in self._told and len(self._told) < MAX_TOLD:
            self._told.add((what, lack))
            log.warning("%s: %s", what, lack.sentence)
            log.warning("Try: %s", lack.remedy)
