"""A burst of messages at QoS 1, made beforehand and sent as bytes: the load costs no Python.

`python -m benchmarks.generator PORT MESSAGES AGENTS [LINKS]` prints `ready`, waits for a line on
stdin, prints the clock (`time.monotonic`), sends, and prints how many the broker acknowledged.
Without LINKS it is heartbeats that say nothing new, over one connection; with it a fleet's mix,
over so many.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from benchmarks import wire
from fleet.contract.timestamps import timestamp, ulids
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind

CHUNK = 64 * 1024
PUBACK_BYTES = 4
PATIENCE: Final = 60.0
"""Seconds without a word of the broker."""
OTHER: Final = 0
CHANGED: Final = (5, 10, 15)
"""Places among twenty messages of what is no heartbeat, and of those that say something new."""


def beats(messages: int, agents: int) -> list[tuple[str, bytes]]:
    """(topic, payload) of heartbeats of about 194 bytes, each another, from all agents in turn."""
    topics, now, boot = Topics(), timestamp(time.time()), int(time.time() * 1000)
    names = [topics.of(MessageKind.HEARTBEAT, f"agent-{n:05d}") for n in range(agents)]
    made = []
    for number in range(messages):
        body = {
            "ok": True,
            "ts": now,
            "uptime": 86_400 + number,
            "interval": 600,
            "boot": boot,
            "seq": number // agents,
            "checks": {"process": "pass", "endpoint": "pass", "disk": "pass"},
            "metrics": {"memory_bytes": 100_000_000 + number % 900 * 1_000_000},
        }
        payload = json.dumps(body, separators=(",", ":")).encode()
        made.append((names[number % agents], payload))
    return made


def mixed(messages: int, agents: int) -> list[tuple[str, bytes]]:
    """What a fleet says: of twenty messages of an agent sixteen heartbeats with nothing new, three
    in which a plane changed, and a status that answers, an alert or a progress."""
    topics, now, boot = Topics(), timestamp(time.time()), int(time.time() * 1000)
    ids, disk = ulids(time.time()), ["pass"] * agents
    made = []
    for number in range(messages):
        turn, agent = divmod(number, agents)
        place, head = (turn * 7 + agent) % 20, {"ts": now, "boot": boot, "seq": turn}
        kind, body = MessageKind.HEARTBEAT, _said(head, number, disk, agent, place)
        if place == OTHER:
            kind, body = _other(head, (turn + agent) % 3, ids)
        payload = json.dumps(body, separators=(",", ":")).encode()
        made.append((topics.of(kind, f"agent-{agent:05d}"), payload))
    return made


def _said(
    head: dict[str, Any], number: int, disk: list[str], agent: int, place: int
) -> dict[str, Any]:
    if place in CHANGED:
        disk[agent] = "warn" if disk[agent] == "pass" else "pass"
    return {
        "ok": True,
        **head,
        "uptime": 86_400 + number,
        "interval": 600,
        "checks": {"process": "pass", "endpoint": "pass", "disk": disk[agent]},
        "metrics": {"memory_bytes": 100_000_000 + number % 900 * 1_000_000},
    }


def _other(
    head: dict[str, Any], turn: int, ids: Iterator[str]
) -> tuple[MessageKind, dict[str, Any]]:
    if turn == 0:
        reply = {"to": next(ids), "verb": "health-check", "result": "done", "code": "ok"}
        return MessageKind.STATUS, {"state": "running", **head, "reply": reply}
    if turn == 1:
        states = {"code": "error-rate", "severity": "info", "state": "firing"}
        return MessageKind.ALERT, {**states, **head}
    task = {"task": next(ids), "epoch": 1, "attempt": 1, "state": "working", "progress": 40}
    return MessageKind.PROGRESS, {**task, **head}


def packets(messages: Iterable[tuple[str, bytes]]) -> bytes:
    """All of them as they travel."""
    return b"".join(
        wire.publish(topic, payload, number % 65_535 + 1)
        for number, (topic, payload) in enumerate(messages)
    )


def connected(port: int, name: str = "generator") -> socket.socket:
    """A link that the broker has let in."""
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(wire.connect(name))
    link.recv(4)
    return link


def deliver(link: socket.socket, data: bytes, messages: int) -> int:
    """Send, and say goodbye once the broker has acknowledged them; how many it did."""
    view, wanted, got = memoryview(data), messages * PUBACK_BYTES, 0

    def send() -> None:
        for at in range(0, len(view), CHUNK):
            link.sendall(view[at : at + CHUNK])

    sender = threading.Thread(target=send)
    sender.start()
    while got < wanted:
        answer = link.recv(1 << 20)
        if not answer:
            break
        got += len(answer)
    sender.join()
    link.sendall(wire.GOODBYE)
    return got // PUBACK_BYTES


def deliver_all(load: list[tuple[socket.socket, bytes]], messages: int) -> int:
    """The same over many links, none of which waits for another."""
    selector, wanted, got = selectors.DefaultSelector(), messages * PUBACK_BYTES, 0
    both = selectors.EVENT_READ | selectors.EVENT_WRITE
    for link, data in load:
        link.setblocking(False)
        selector.register(link, both, memoryview(data))
    while got < wanted:
        for key, events in selector.select(PATIENCE):
            link, left = cast("socket.socket", key.fileobj), key.data
            if events & selectors.EVENT_WRITE:
                left = left[link.send(left[:CHUNK]) :]
                selector.modify(link, both if left else selectors.EVENT_READ, left)
            if events & selectors.EVENT_READ:
                got += len(link.recv(1 << 20))
    for link, _ in load:
        link.send(wire.GOODBYE)
    return got // PUBACK_BYTES


def over_links(
    port: int, messages: int, agents: int, links: int
) -> list[tuple[socket.socket, bytes]]:
    """Links, each with what its agents say."""
    parts: list[list[tuple[str, bytes]]] = [[] for _ in range(links)]
    for number, message in enumerate(mixed(messages, agents)):
        parts[number % agents % links].append(message)
    return [(connected(port, f"link-{n}"), packets(part)) for n, part in enumerate(parts)]


def main() -> None:
    port, messages, agents, *links = map(int, sys.argv[1:5])
    if links:
        load = over_links(port, messages, agents, *links)
    else:
        data = packets(beats(messages, agents))
        link = connected(port)
    print("ready", flush=True)
    sys.stdin.readline()
    print(time.monotonic(), flush=True)
    print(deliver_all(load, messages) if links else deliver(link, data, messages), flush=True)
    sys.stdin.readline()  # its CPU is read meanwhile


if __name__ == "__main__":
    main()
