"""The CONNECT of MQTT 5 that a connection of the compiled codec begins with."""

from __future__ import annotations

import mqtt5

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.connection import IN_FLIGHT, MAX_PACKET, SESSION_EXPIRY


def connect_packet(options: ConnectOptions) -> mqtt5.ConnectPacket:
    """As `options` ask for it."""
    will = options.will
    return mqtt5.ConnectPacket(
        options.client_id,
        username=options.url.user or None,
        password=options.password.encode() if options.password is not None else None,
        clean_start=not options.persistent,
        will=mqtt5.Will(
            will.topic, payload=will.payload, qos=mqtt5.QoS(will.qos), retain=will.retain
        )
        if will
        else None,
        keep_alive=options.keepalive,
        session_expiry_interval=SESSION_EXPIRY if options.persistent else 0,
        receive_max=IN_FLIGHT,
        max_packet_size=MAX_PACKET,
    )
