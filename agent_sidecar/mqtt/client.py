"""One paho-mqtt client for one connection attempt, and what its errors mean to a person."""

from __future__ import annotations

import logging
import select
import socket
import time
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent_sidecar.config import Config
from agent_sidecar.mqtt import link_trouble
from agent_sidecar.mqtt.lean_imports import give_paho_tls
from agent_sidecar.mqtt.plain_client import PlainClient
from agent_sidecar.mqtt.reconnect import LOST, SILENT, TAKEN_OVER
from fleet.contract.host_name import for_socket
from fleet.contract.limits import MAX_TTL
from fleet.contract.secret_file import read_secret
from fleet.contract.tls_faults import fault_of
from fleet.contract.tls_files import client_context, require_readable

log = logging.getLogger(__name__)

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for TCP and TLS, and again for the broker's answer: beyond that a broker is no use."""

SESSION_TAKEN_OVER: Final = 0x8E
"""The reason code of a DISCONNECT (MQTT 5, 3.14.2.1)."""

GLANCE: Final = 1.0
"""Seconds for a look whether the broker is there."""

RECEIVE_MAXIMUM: Final = 64
"""Messages the broker may have on the way to us: bounds what a flood of commands costs."""


def keepalive(interval: float) -> int:
    """Seconds of MQTT keep-alive: a half-open link is noticed by the broker after up to 2.2 of
    them (measured), which must lie before 2.5 intervals, when the hub calls us stale. A little
    above the interval, so that beats are all the signs of life that are needed."""
    return int(max(5, min(60, interval * 1.1)))


def make(
    config: Config,
    version: MQTTProtocolVersion,
    will: tuple[str, bytes] | None,
    retain: bool,
) -> mqtt.Client:
    """A client that is ready to connect; `retain`: whether its last will is.

    Raises:
        FleetError, OSError, ValueError: a secret or certificate is not usable.
    """
    five = version == MQTTProtocolVersion.MQTTv5
    client = PlainClient(
        CallbackAPIVersion.VERSION2,
        client_id=config.agent,
        protocol=version,
        clean_session=None if five else False,
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECT_TIMEOUT
    password = config.password()
    if config.broker.user or password:
        client.username_pw_set(config.broker.user or config.agent, password)
    if config.broker.tls:
        give_paho_tls()
        ca, cert, key = (config.path(f"FLEET_{name}_FILE") for name in ("CA", "CERT", "KEY"))
        client.tls_set(*(str(path) if path else None for path in (ca, cert, key)))  # type: ignore[arg-type]
    if will is not None:
        client.will_set(will[0], will[1], qos=1, retain=retain)
    client.on_socket_open = _no_delay
    return client


def require_files(config: Config) -> None:
    """Read every secret and certificate once: an error now is better than a retry for ever.

    Raises:
        ConfigError: one cannot be read, a secret is open to others, or the CA is none.
    """
    config.password()
    key = config.path("FLEET_KEY_FILE")
    if key is not None:
        read_secret(key)
    authority, own = config.path("FLEET_CA_FILE"), config.path("FLEET_CERT_FILE")
    for path in (authority, own):
        if path is not None:
            require_readable(path)
    if config.broker.tls and (authority or own):
        client_context(authority, own, key)


def connect(client: mqtt.Client, config: Config, *, strange: bool = False) -> str:
    """Name look-up, TCP, TLS and CONNECT, blocking; why it failed, or nothing. `strange`: it did
    not answer as a broker before."""
    if strange and (why := link_trouble.tls_trouble(config)):
        return why
    seconds = keepalive(config.interval)
    host, port = for_socket(config.broker.host), config.broker.port
    try:
        if client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = MAX_TTL  # no command can wait longer
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            client.connect(host, port, seconds, clean_start=False, properties=properties)
        else:
            client.connect(host, port, seconds)
    except (OSError, ValueError) as error:
        return explain(error, tls=config.broker.tls)
    return ""


def listens(config: Config) -> bool:
    """Whether something listens where the broker does; blocking."""
    try:
        host = for_socket(config.broker.host)
        socket.create_connection((host, config.broker.port), GLANCE).close()
    except OSError:
        return False
    return True


def subscribe(client: mqtt.Client, filters: tuple[str, ...]) -> None:
    if client.protocol == MQTTProtocolVersion.MQTTv5:
        # Retained as published: a command that is retained is poison even when it comes live.
        options = SubscribeOptions(qos=1, retainAsPublished=True)
        client.subscribe([(name, options) for name in filters])
    else:
        client.subscribe([(name, 1) for name in filters])


def note_life(client: mqtt.Client) -> None:
    """Something was sent, so no ping is due: paho itself takes only pings for signs of life, and
    would send one each keep-alive beside the beats."""
    vars(client)["_last_msg_out"] = time.monotonic()


def ping_due(client: mqtt.Client, keepalive: float, now: float) -> float:
    """When paho has to look again whether the broker is there still, as it does after a keep-alive
    in which nothing came from there; no sooner than in a second, lest anything spin."""
    heard = vars(client).get("_last_bytes_received", now)
    return max(now + 1.0, float(heard) + keepalive)


def readable(client: mqtt.Client) -> bool:
    """Whether something waits to be read, in the kernel or in the TLS layer."""
    sock: Any = client.socket()
    if sock is None:
        return False
    pending = getattr(sock, "pending", None)
    return bool(pending and pending()) or bool(select.select([sock], [], [], 0)[0])


def hang_up(client: mqtt.Client) -> None:
    """Close the socket without a word; the broker then publishes the will."""
    sock: Any = client.socket()
    if sock is not None:
        sock.close()


def say_goodbye(client: mqtt.Client, properties: Properties | None = None) -> None:
    """Disconnect in order: the broker drops the last will."""
    client.on_disconnect = None
    client.disconnect(properties=properties)
    if client.want_write():
        client.loop_write()
    hang_up(client)


def leave(client: mqtt.Client) -> None:
    """Say goodbye for good: the broker keeps nothing for us (MQTT 5; in 3.1.1 until it expires)."""
    if client.protocol != MQTTProtocolVersion.MQTTv5:
        say_goodbye(client)
        return
    properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0
    say_goodbye(client, properties)


def explain(error: Exception, *, tls: bool) -> str:
    """Why a connection attempt failed, in words."""
    fault = fault_of(str(error) or type(error).__name__) if tls else None
    if fault is not None:
        return link_trouble.of_tls(fault, error)
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def why_ended(flags: mqtt.DisconnectFlags, reason: ReasonCode) -> str:
    """Why a connection ended, in words: what the broker said, if it said anything."""
    if not flags.is_disconnect_packet_from_server:
        return SILENT
    return TAKEN_OVER if reason.value == SESSION_TAKEN_OVER else f"{LOST}: {reason}"


def _no_delay(_client: mqtt.Client, _userdata: object, sock: Any) -> None:
    """Without it a command's round trip takes 44 ms instead of 0.2 (measured)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
