"""What the broker shows to whoever connects: protocol, speed, losses, poison, open doors."""

from __future__ import annotations

import asyncio
import socket
import ssl
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from fleet.bus.connect_options import ConnectOptions, connect_options
from fleet.bus.mqtt import open_bus
from fleet.bus.raw_client import RawClient, Version
from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import MessageKind
from fleet.doctor.broker_limits import limits
from fleet.doctor.findings import Diagnosis, Level
from fleet.settings import Settings

SLOW: Final = 0.02
"""Seconds of a round trip beyond the network's own: TCP holds small packets back for 40 ms."""

ROUNDS: Final = 5
PATIENCE: Final = 3.0
"""Seconds for a broker's answer, and for its retained state to arrive."""

DROPPED: Final = "$SYS/broker/publish/messages/dropped"
NOBODY: Final = "fleet-doctor"
"""An agent that does not exist; receipts for it are read by nobody."""

_NODELAY: Final = "set_tcp_nodelay true in mosquitto.conf"


async def examine(settings: Settings) -> AsyncIterator[Diagnosis]:
    """Every finding of the broker; ends early if it cannot be reached or goes away."""
    try:
        options = connect_options(settings)
        async for finding in _examine(settings, options):
            yield finding
    except FleetError as error:
        yield Diagnosis("broker", Level.CRITICAL, f"{error.what}: {error.why}", error.remedy)
    except OSError as error:
        said = f"{settings.broker} went away: {error.strerror}"
        yield Diagnosis("broker", Level.CRITICAL, said, "fleet doctor again")


async def _examine(settings: Settings, options: ConnectOptions) -> AsyncIterator[Diagnosis]:
    spoken = []
    refusal: FleetError | None = None
    for version in (Version.V5, Version.V311):
        try:
            async with asyncio.timeout(PATIENCE * 2), RawClient(options, version):
                spoken.append(f"MQTT {version}")
        except FleetError as error:
            refusal = error
        except TimeoutError:
            refusal = FleetError("the broker does not answer", f"{settings.broker}", "FLEET_BROKER")
    if not spoken and refusal is not None:
        raise refusal
    yield Diagnosis("broker", Level.OK, f"{settings.broker} speaks {' and '.join(spoken)}")
    version = Version.V5 if "MQTT 5" in spoken else Version.V311
    async with RawClient(options, version) as client:
        yield await _round_trip(settings, client)
        dropped = await _dropped(client)
    for finding in limits(settings, dropped):
        yield finding
    async with open_bus(settings) as bus:
        retains = bus.retains
    if retains:
        named = replace(options, client_id=f"{options.client_id}-p")
        async with RawClient(named, version) as client:
            yield await _poison(settings, client)
    else:
        said = "the broker keeps no retained messages: without a hub, nobody knows of any agent"
        remedy = "retain_available true in mosquitto.conf, or another broker"
        yield Diagnosis("retained", Level.WARNING, said, remedy)
    yield await _door(settings, options, version)
    if settings.broker.tls:
        yield await asyncio.to_thread(_server_certificate, options)


async def _round_trip(settings: Settings, client: RawClient) -> Diagnosis:
    """The median of a few messages to ourselves, against what the network alone takes."""
    topic = settings.topics.of(MessageKind.RECEIPT, NOBODY)
    if not await client.subscribe(topic):
        return Diagnosis("round trip", Level.UNKNOWN, "this account may not listen to receipts")
    times = []
    for number in range(ROUNDS):
        payload = b'{"boot":0,"seq":%d}' % number
        began = time.perf_counter()
        await client.publish(topic, payload)
        if not await client.wait_for(payload, PATIENCE):
            return Diagnosis("round trip", Level.UNKNOWN, "this account may not send receipts")
        times.append(time.perf_counter() - began)
    spent, network = statistics.median(times), await asyncio.to_thread(_connect_time, settings)
    said = f"{spent * 1e3:.1f} ms through the broker, {network * 1e3:.1f} ms to connect"
    if spent - 2 * network >= SLOW:
        return Diagnosis("round trip", Level.WARNING, f"{said}: TCP delays small packets", _NODELAY)
    return Diagnosis("round trip", Level.OK, said)


def _connect_time(settings: Settings) -> float:
    began = time.perf_counter()
    with socket.create_connection((settings.broker.host, settings.broker.port), PATIENCE):
        return time.perf_counter() - began


async def _dropped(client: RawClient) -> int | None:
    """The broker's own count of what it threw away; None if it does not say."""
    if not await client.subscribe(DROPPED):
        return None
    for _ in range(20):
        for message in client.received:
            if message.topic == DROPPED and message.payload.isdigit():
                return int(message.payload)
        await asyncio.sleep(0.05)
    return None


async def _poison(settings: Settings, client: RawClient) -> Diagnosis:
    """Retained commands and notices, which reach every agent at each of its connects."""
    topics = settings.topics
    marker = topics.of(MessageKind.RECEIPT, NOBODY)
    granted = [
        await client.subscribe(pattern)
        for pattern in (topics.every(MessageKind.COMMAND), topics.broadcast, marker)
    ]
    await client.publish(marker, b'{"boot":0,"seq":99}')
    if not all(granted) or not await client.wait_for(b'{"boot":0,"seq":99}', PATIENCE):
        return Diagnosis(
            "retained", Level.UNKNOWN, "this account may not look for retained commands"
        )
    poison = {message.topic for message in client.received if message.retain} - {marker}
    if poison:
        return Diagnosis(
            "retained",
            Level.CRITICAL,
            f"{len(poison)} retained commands or notices: agents drop them, each time they connect",
            "clear each: mosquitto_pub -r -n -t TOPIC (fleet dead-letters lists them)",
        )
    return Diagnosis("retained", Level.OK, "no command is retained")


async def _door(settings: Settings, options: ConnectOptions, version: Version) -> Diagnosis:
    """Whether somebody without a name gets in."""
    nameless = replace(
        options,
        url=replace(options.url, user=""),
        password=None,
        cert_file=None,
        key_file=None,
        client_id=f"{options.client_id}-n",
    )
    try:
        async with asyncio.timeout(PATIENCE), RawClient(nameless, version):
            pass
    except (FleetError, TimeoutError):
        return Diagnosis("door", Level.OK, "the broker shuts out who has no account; "
                       "what accounts may do: fleet acl test")  # fmt: skip
    local = settings.broker.host in ("127.0.0.1", "localhost", "::1")
    return Diagnosis(
        "door",
        Level.WARNING if local else Level.CRITICAL,
        f"the broker lets in {'anybody on this machine' if local else 'whoever connects'}",
        "fleet init and fleet broker secure",
    )


def _server_certificate(options: ConnectOptions) -> Diagnosis:
    """When the broker's own certificate ends."""
    context = options.tls_context()
    assert context is not None  # noqa: S101 - asked for TLS addresses only
    address = (options.url.host, options.url.port)
    try:
        with (
            socket.create_connection(address, PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=options.url.host) as secured,
        ):
            ends = str((secured.getpeercert() or {})["notAfter"])
    except (OSError, KeyError) as error:
        return Diagnosis("server certificate", Level.UNKNOWN, f"not seen: {type(error).__name__}")
    days = (ssl.cert_time_to_seconds(ends) - time.time()) / 86_400
    level = Level.WARNING if days < 30 else Level.OK
    remedy = "fleet broker config" if days < 30 else ""
    return Diagnosis("server certificate", level, f"the broker's ends in {days:.0f} days", remedy)
