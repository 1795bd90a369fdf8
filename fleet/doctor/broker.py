"""What the broker shows to whoever connects: protocol, speed, losses, poison, open doors."""

from __future__ import annotations

import asyncio
import socket
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from fleet.bus import broker_certificate
from fleet.bus.client_ids import is_one_for_all
from fleet.bus.connect_options import ConnectOptions, connect_options
from fleet.bus.error_messages import NO_BROKER
from fleet.bus.port import Will
from fleet.bus.raw_client import RawClient, Version
from fleet.bus.shared_client_id import REMEDY, SAID
from fleet.contract import reserved
from fleet.contract.broker_capabilities import Lack, Need, Weight
from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import MessageKind
from fleet.doctor.broker_limits import limits
from fleet.doctor.findings import Diagnosis, Level, of_lack
from fleet.hub_client import HubClient
from fleet.provisioning.mosquitto import may_share_ids
from fleet.settings import Settings

SLOW: Final = 0.02
"""Seconds of a round trip beyond the network's own: TCP holds small packets back for 40 ms."""

ROUNDS: Final = 5
PATIENCE: Final = 3.0
"""Seconds for a broker's answer, and for its retained state to arrive."""

DROPPED: Final = "$SYS/broker/publish/messages/dropped"
UPTIME: Final = "$SYS/broker/uptime"
"""What a broker with statistics says at each interval; Mosquitto forgets others in a minute."""

BEHIND: Final = {DROPPED: 10, UPTIME: 11}
LAST: Final = 99
"""The numbers of messages after which what is retained on a topic, or all of it, has arrived."""

RETAINED: Final = 1.0
"""Seconds for what is retained where no message tells that it has arrived."""

_NODELAY: Final = "set_tcp_nodelay true in mosquitto.conf"


async def examine(settings: Settings) -> AsyncIterator[Diagnosis]:
    """Every finding of each broker; of several, with the broker's name at each."""
    several = bool(settings.standbys)
    for place in settings.at_each():
        async for finding in _of_one(place):
            check = f"{finding.check} at {place.broker.place}" if several else finding.check
            yield replace(finding, check=check)
    if several:
        from fleet.doctor import pair

        async for finding in pair.examine(settings):
            yield finding


async def _of_one(settings: Settings) -> AsyncIterator[Diagnosis]:
    """Every finding of one broker; ends early if it cannot be reached or goes away."""
    try:
        options = connect_options(settings)
        serving = await asyncio.to_thread(HubClient.serving, settings.home)
        if may_share_ids(settings) and serving is None and await is_one_for_all(settings, options):
            yield Diagnosis("client id", Level.CRITICAL, SAID, REMEDY)
            return  # a look closer would take what waits for the hub
        async for finding in _examine(settings, options):
            yield finding
    except FleetError as error:
        yield Diagnosis("broker", Level.CRITICAL, f"{error.what}: {error.why}", error.remedy)
    except OSError as error:
        said = f"{settings.broker} went away: {error.strerror}"
        yield Diagnosis("broker", Level.CRITICAL, said, "fleet doctor again")


async def _examine(settings: Settings, options: ConnectOptions) -> AsyncIterator[Diagnosis]:
    spoken: list[str] = []
    refusal: FleetError | None = None
    lacks: list[Lack] = []
    kept = replace(options, persistent=True)  # as the hub asks; the next connection ends it
    for version, asking in ((Version.V5, kept), (Version.V311, kept), (Version.V311, options)):
        try:
            async with asyncio.timeout(PATIENCE * 2), RawClient(asking, version) as client:
                lacks = lacks if spoken else list(client.lacks)
                spoken += [] if f"MQTT {version}" in spoken else [f"MQTT {version}"]
        except FleetError as error:
            refusal = error
        except TimeoutError:
            refusal = FleetError("the broker does not answer", f"{settings.broker}", "FLEET_BROKER")
    if not spoken and refusal is not None:
        raise refusal
    yield Diagnosis("broker", Level.OK, f"{settings.broker} speaks {' and '.join(spoken)}")
    version = Version.V5 if "MQTT 5" in spoken else Version.V311
    if version is Version.V311 and not await _takes_retained(settings, options):
        lacks.append(Lack(Need.RETAINED))
    for lack in lacks:
        yield of_lack(lack)
    if any(lack.weight is Weight.FATAL for lack in lacks):
        return
    async with RawClient(options, version) as client:
        if await client.granted(settings.topics.of(MessageKind.RECEIPT, reserved.DOCTOR)) == 0:
            yield of_lack(Lack(Need.QOS_1))
            return
        yield await _round_trip(settings, client)
        dropped = await _dropped(settings, client)
        retains = not any(lack.need is Need.RETAINED for lack in lacks)
        mute = retains and dropped is None and await _says(settings, client, UPTIME) is None
    if mute:
        yield of_lack(Lack(Need.STATISTICS))
    for finding in limits(settings, dropped):
        yield finding
    if retains:
        named = replace(options, client_id=f"{options.client_id}-p")
        async with RawClient(named, version) as client:
            yield await _poison(settings, client)
    yield await _door(settings, options, version)
    if settings.broker.tls:
        yield await asyncio.to_thread(_server_certificate, options)


async def _takes_retained(settings: Settings, options: ConnectOptions) -> bool:
    """Whether a broker of MQTT 3.1.1, which does not say so, lets in whoever has a retained last
    will. Nobody ever reads ours, since we say goodbye."""
    topic = settings.topics.of(MessageKind.RECEIPT, reserved.DOCTOR)
    asking = replace(options, will=Will(topic, reserved.round_trip(0)))
    try:
        async with asyncio.timeout(PATIENCE * 2), RawClient(asking, Version.V311):
            return True
    except FleetError as error:
        return NO_BROKER not in error.what  # another refusal is about something else
    except TimeoutError:
        return True


async def _round_trip(settings: Settings, client: RawClient) -> Diagnosis:
    """The median of a few messages to ourselves, against what the network alone takes."""
    topic = settings.topics.of(MessageKind.RECEIPT, reserved.DOCTOR)
    if not await client.subscribe(topic):
        return Diagnosis("round trip", Level.UNKNOWN, "this account may not listen to receipts")
    times = []
    for number in range(ROUNDS):
        payload = reserved.round_trip(number)
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


async def _dropped(settings: Settings, client: RawClient) -> int | None:
    """The broker's own count of what it threw away; None if it does not say."""
    said = await _says(settings, client, DROPPED)
    return int(said) if said is not None and said.isdigit() else None


async def _says(settings: Settings, client: RawClient, topic: str) -> bytes | None:
    """What is retained on `topic`; None: nothing, or not for this account. What is comes before a
    message to ourselves; where none comes through, there is a second for it."""
    if not await client.subscribe(topic):
        return None
    marker = reserved.round_trip(BEHIND[topic])
    await client.publish(settings.topics.of(MessageKind.RECEIPT, reserved.DOCTOR), marker)
    await client.wait_for(marker, RETAINED)
    return next((one.payload for one in client.received if one.topic == topic), None)


async def _poison(settings: Settings, client: RawClient) -> Diagnosis:
    """Retained commands and notices, which reach every agent at each of its connects."""
    topics = settings.topics
    marker = topics.of(MessageKind.RECEIPT, reserved.DOCTOR)
    granted = [
        await client.subscribe(pattern)
        for pattern in (topics.every(MessageKind.COMMAND), topics.broadcast, marker)
    ]
    last = reserved.round_trip(LAST)
    await client.publish(marker, last)
    if not all(granted) or not await client.wait_for(last, PATIENCE):
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
        "fleet broker secure --help; or a broker of your own, fleet init --own-broker",
    )


def _server_certificate(options: ConnectOptions) -> Diagnosis:
    """When the broker's own certificate ends."""
    ends = broker_certificate.ends_at(options)
    if ends is None:
        return Diagnosis("server certificate", Level.UNKNOWN, "not seen")
    days = (ends - time.time()) / 86_400
    level = Level.WARNING if days < 30 else Level.OK
    remedy = "fleet broker certificates --renew, and restart the broker" if days < 30 else ""
    return Diagnosis("server certificate", level, f"the broker's ends in {days:.0f} days", remedy)
