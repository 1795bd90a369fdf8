"""R9: hostile payloads by the million, connections that never end, and far too large ones."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import wire
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind
from tests.chaos.scenario import Finding, Scenario
from tests.chaos.world import World, memory_of
from tests.support.waiting import wait_until

MEBI = 1 << 20
GROWTH = 32 * MEBI
"""Bytes of memory that caches may still take after the first tenth."""

WINDOW = 2_000
"""Payloads sent between two looks whether the hub keeps up."""


def run(folder: Path, short: bool) -> Finding:
    count = 6_000 if short else 1_000_000
    with World(folder) as world:
        world.hub.start()
        world.sidecar("alpha")
        with slow_loris(world, 50):
            oversize(world)
            link = socket.create_connection(("127.0.0.1", world.broker.port))
            link.sendall(wire.connect("hostile"))
            assert link.recv(4)[:1] == b"\x20"
            early = 0.0
            sent = 0
            for packets in batches(count):
                link.sendall(b"".join(packets))
                sent += len(packets)
                drain(link)
                wait_until(lambda s=sent: judged(world) >= s - 2 * WINDOW, 60, "the hub to keep up")  # type: ignore[misc]
                if not early and sent >= count / 10:
                    early = memory_of(world.hub.pid)
            wait_until(lambda: judged(world) >= sent * 0.999, 60, "all judged")
            late = memory_of(world.hub.pid)
            well = world.verdict("alpha") == "ok"
            beating = world.hub.count()
            wait_until(lambda: world.hub.count() > beating, what="another beat of alpha")
            link.close()
        broker = memory_of(world.broker.pid)
        ended = world.hub.stop()
        trace = "Traceback" in world.hub.log
    grown = late - early
    return Finding(
        f"{sent} hostile payloads, 50 slow-loris links, oversize requests and packets:"
        f" hub {'CRASHED' if ended or trace else 'up'}, alpha {'well' if well else 'NOT well'},"
        f" memory {early / MEBI:.0f} MiB after a tenth, {late / MEBI:.0f} at the end;"
        f" broker {broker / MEBI:.0f} MiB",
        not ended and not trace and well and grown <= GROWTH,
        {"sent": sent, "early": early, "late": late, "broker": broker},
    )


def judged(world: World) -> float:
    """Messages that the hub has read, hostile ones and others."""
    return (world.metric("fleet_bus_messages_total") or 0.0) + (
        world.metric("fleet_bus_rejects_total") or 0.0
    )


def batches(count: int) -> Iterator[list[bytes]]:
    chance = random.Random(9)
    for start in range(0, count, WINDOW):
        yield [hostile(chance, n) for n in range(min(WINDOW, count - start))]


def hostile(chance: random.Random, packet_id: int) -> bytes:
    """One publish to a topic of the contract that no reader may accept, or only as a heartbeat of
    an invented agent."""
    kind = chance.choice([*MessageKind]).value
    payload = chance.choice(PAYLOADS)
    # A few mutations are harmless: such agents exist from then on, so they may not be many.
    agent = f"x{chance.randrange(100 if payload is mutated else 1_000_000)}"
    topic = chance.choice((f"fleet/{agent}/{kind}", f"fleet/{agent}/{kind}", "zephyr/broadcast"))
    return wire.publish(topic, payload(chance), packet_id % 60_000 + 1)


def genuine(chance: random.Random) -> dict[str, object]:
    return {"ok": True, "ts": timestamp(time.time()), "boot": chance.randrange(2**40), "seq": 1}


def mutated(chance: random.Random) -> bytes:
    text = bytearray(json.dumps(genuine(chance)).encode())
    for _ in range(chance.randrange(1, 6)):
        text[chance.randrange(len(text))] = chance.randrange(256)
    return bytes(text)


PAYLOADS = (
    mutated,
    lambda c: c.randbytes(c.randrange(200)),
    lambda c: json.dumps({**genuine(c), c.choice(("note", "prompt", "x" * 99)): "hi"}).encode(),
    lambda c: b"[" * c.randrange(1, 4000),
    lambda c: b'{"ok":true,"ts":' + b"9" * c.randrange(1, 4000) + b"}",
    lambda c: json.dumps({**genuine(c), "uptime": float("nan")}).encode(),
    lambda _: b'{"ok":true,"ok":false}',
    lambda _: json.dumps({"verb": "\ud800", "id": "../../etc"}).encode(),
    lambda c: b'{"ok":' * c.randrange(1, 600) + b"1" + b"}" * 600,
)


def drain(link: socket.socket) -> None:
    """Take the broker's answers, so that it is not us who holds it up."""
    link.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while link.recv(1 << 16):
            pass
    link.setblocking(True)


@contextlib.contextmanager
def slow_loris(world: World, count: int) -> Iterator[None]:
    """Connections that begin a request, or a CONNECT, and never end it."""
    host, _, port = world.hub.http.partition(":")
    links = []
    for number in range(count):
        http = number % 2 == 0
        link = socket.create_connection((host, int(port) if http else world.broker.port), 10)
        link.sendall(b"POST /v1/send HTTP/1.1\r\nHost: x\r\nX-A: " if http else b"\x10\xff")
        links.append(link)
    try:
        yield
    finally:
        for link in links:
            link.close()


def oversize(world: World) -> None:
    """A body and a packet of 64 MiB, as far as anybody takes them."""
    host, _, port = world.hub.http.partition(":")
    with (
        contextlib.suppress(OSError),
        socket.create_connection((host, int(port)), 10) as link,
    ):
        link.sendall(b"POST /v1/send HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\n\r\n")
        link.sendall(bytes(64 * MEBI))
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", world.broker.port), 10) as link,
    ):
        link.sendall(wire.connect("oversize"))
        link.sendall(wire.publish("fleet/alpha/heartbeat", bytes(64 * MEBI), 1))


SCENARIO = Scenario(
    "R9",
    "1,000,000 fuzzed payloads, slow-loris and oversize clients",
    "0 crashes, memory flat",
    run,
)
