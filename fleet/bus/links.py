"""What links are made of: a client library's for all uses, our own codec for intake."""

from __future__ import annotations

from paho.mqtt.enums import MQTTProtocolVersion

from fleet.bus.aiomqtt_connection import AiomqttConnection
from fleet.bus.connect_options import ConnectOptions
from fleet.bus.connection import Connection
from fleet.bus.inbound_queue import InboundQueue
from fleet.bus.topic_filters import TopicFilters


def plain(
    options: ConnectOptions,
    version: MQTTProtocolVersion,
    inbound: InboundQueue,
    filters: TopicFilters,
    tag: int,
) -> Connection:
    """Links for all uses but intake at full speed."""
    return AiomqttConnection(options, version, inbound.append, filters, tag)


def fast(
    options: ConnectOptions,
    version: MQTTProtocolVersion,
    inbound: InboundQueue,
    filters: TopicFilters,
    tag: int,
) -> Connection:
    """Links for intake: the compiled codec where MQTT 5 is spoken."""
    if version is not MQTTProtocolVersion.MQTTv5:
        return plain(options, version, inbound, filters, tag)
    from fleet.bus.mqtt5_connection import Mqtt5Connection

    return Mqtt5Connection(options, inbound, filters, tag)
