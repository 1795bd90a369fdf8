"""What comes from the broker on a connection: answers to what we sent, and messages for us."""

from __future__ import annotations

import logging
import time

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent_sidecar.mqtt.broker_turns import BrokerTurns
from agent_sidecar.mqtt.observer import ConnectionCounters, Observer, OnMessage
from fleet.contract.publish_properties import of_paho

log = logging.getLogger(__name__)


class Answers:
    """paho's callbacks of a connection that is up.

    Attributes:
        filters: topics that were asked for.
        on_message: takes what comes in on them.
        observers: who is told what was acknowledged.
        heard_at: when something last came in, or the connection came about (monotonic s).
    """

    def __init__(self, turns: BrokerTurns, counters: ConnectionCounters) -> None:
        self._turns = turns
        self._counters = counters
        self.filters: tuple[str, ...] = ()
        self.on_message: OnMessage = lambda *_: None
        self.observers: tuple[Observer, ...] = ()
        self.heard_at = 0.0

    def attach(self, client: mqtt.Client) -> None:
        """Be the one whom `client` calls."""
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = self._received

    def tell_down(self) -> None:
        """The link is lost, or was ended."""
        for observer in self.observers:
            observer.link_down()

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
        topic = message.topic
        if topic not in self.filters:  # a broker that sends more: it may be another's command
            self._counters.unasked += 1
            return
        if of_paho(message.properties):
            self._counters.beside += 1
            return
        self.on_message(topic, bytes(message.payload), message.retain, self.heard_at)
