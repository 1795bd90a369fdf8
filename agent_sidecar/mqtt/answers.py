"""What comes from the broker on a connection: answers to what we sent, and messages for us."""

from __future__ import annotations

import logging
import time
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent_sidecar.mqtt.broker_turns import BrokerTurns
from agent_sidecar.mqtt.observer import ConnectionCounters, Observer, OnMessage
from fleet.contract.publish_properties import of_paho

log = logging.getLogger(__name__)

HELD: Final = 8
"""Messages without an acknowledgement while a command is carried out: a Mosquitto stops at 20."""


class Answers:
    """paho's callbacks of a connection that is up.

    Attributes:
        filters: topics that were asked for.
        on_message: takes what comes in on them.
        observers: who is told what was acknowledged.
        heard_at: when something last came in, or the connection came about (monotonic s).

    What comes in is acknowledged when its owner says so: until then the broker keeps it, and brings
    it again to whoever comes back after a kill -9.
    """

    def __init__(self, turns: BrokerTurns, counters: ConnectionCounters) -> None:
        self._turns = turns
        self._counters = counters
        self.filters: tuple[str, ...] = ()
        self.on_message: OnMessage = lambda *_: None
        self.observers: tuple[Observer, ...] = ()
        self.heard_at = 0.0
        self._client: mqtt.Client | None = None
        self._owed: list[tuple[int, int]] = []

    def attach(self, client: mqtt.Client) -> None:
        """Be the one whom `client` calls."""
        self._client = client
        self._owed.clear()
        client.manual_ack_set(True)
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = self._received

    def tell_down(self) -> None:
        """The link is lost, or was ended."""
        self._client = None
        for observer in self.observers:
            observer.link_down()

    def acknowledge(self, *, hold: bool) -> None:
        """Acknowledge what came in, in its order, as MQTT wants it; with `hold` not before there is
        much of it, since the broker sends no more than it may have on the way."""
        if self._client is None or (hold and len(self._owed) <= HELD):
            return
        for mid, qos in self._owed:
            self._client.ack(mid, qos)
        self._owed.clear()

    def _subscribed(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        self._counters.refused_filters = self._turns.ability.granted(self.filters, reasons)

    def _published(
        self,
        _client: mqtt.Client,
        _userdata: object,
        mid: int,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._counters.denied += 1
            log.warning("the broker denied a publish: %s", reason)
        ability = self._turns.ability
        ability.packets.acked(mid)
        ability.acknowledged()
        for observer in self.observers:
            observer.acked(mid)

    def _received(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        self.heard_at = time.monotonic()
        self._owed.append((message.mid, message.qos))
        topic = message.topic
        if topic not in self.filters:  # a broker that sends more: it may be another's command
            self._counters.unasked += 1
            return
        if of_paho(message.properties):
            self._counters.beside += 1
            return
        self.on_message(topic, bytes(message.payload), message.retain, self.heard_at)
