"""A burst of bus heartbeats at QoS 1, made beforehand and sent as bytes: the load costs no Python.

`python -m benchmarks.generator PORT MESSAGES AGENTS` prints `ready`, waits for a line on stdin,
prints the clock (`time.monotonic`), sends, and prints how many the broker acknowledged.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterable

from benchmarks import wire
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind

CHUNK = 64 * 1024
PUBACK_BYTES = 4


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


def packets(messages: Iterable[tuple[str, bytes]]) -> bytes:
    """All of them as they travel."""
    return b"".join(
        wire.publish(topic, payload, number % 65_535 + 1)
        for number, (topic, payload) in enumerate(messages)
    )


def connected(port: int) -> socket.socket:
    """A link that the broker has let in."""
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(wire.connect("generator"))
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


def main() -> None:
    port, messages, agents = map(int, sys.argv[1:4])
    data = packets(beats(messages, agents))
    link = connected(port)
    print("ready", flush=True)
    sys.stdin.readline()
    print(time.monotonic(), flush=True)
    print(deliver(link, data, messages), flush=True)


if __name__ == "__main__":
    main()
