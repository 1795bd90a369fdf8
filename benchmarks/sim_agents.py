"""Thousands of simulated agents in one process: raw sockets, one epoll, no threads.

Each is what a sidecar is to the broker: a connection of its own with a last will, a birth, bus
heartbeats in its rhythm, and an answer to each command. Where several share a connection, so that a
machine that has not as many of them shows a larger fleet, they have no last will.
"""

from __future__ import annotations

import json
import random
import select
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from multiprocessing.connection import Connection
from typing import Final

from benchmarks import wire
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind

TOPICS: Final = Topics()
AT_ONCE: Final = 200
"""CONNECTs on their way at once: a fleet's backoff has jitter, too."""

AWAY: Final = 1.0
"""Seconds that a flapping agent stays away."""


@dataclass(slots=True)
class Agent:
    """One simulated agent, in what it says."""

    name: str
    boot: int
    seq: int = 0


@dataclass(slots=True)
class Link:
    """A connection of one agent or several; `turn` counts their beats, `packet` the packets, and
    `beat_at` is when the next is due: one that was due before the connection broke is not."""

    agents: Sequence[Agent]
    turn: int = 0
    packet: int = 0
    beat_at: float = 0.0
    link: socket.socket | None = None
    packets: wire.Packets = field(default_factory=wire.Packets)
    unsent: bytes = b""
    up: bool = False


@dataclass(slots=True)
class Counts:
    """What one process of agents did so far."""

    up: int = 0
    connects: int = 0
    sent: int = 0
    acked: int = 0
    answered: int = 0


class Crowd:
    """The agents of one process. `run` takes orders from a pipe until it is told to end.

    Args:
        interval: seconds between beats; 0: only when told.
        flapping: share of connections that vanish and return, once an interval each.
        shared: agents a connection.
    """

    def __init__(
        self, address: tuple[str, int], names: Sequence[str], interval: float,
        flapping: float = 0.0, shared: int = 1,
    ) -> None:  # fmt: skip
        self._address = address
        boot = int(time.time() * 1000)
        agents = [Agent(name, boot) for name in names]
        self._links = [Link(agents[n : n + shared]) for n in range(0, len(agents), shared)]
        self._flappers = self._links[: int(len(self._links) * flapping)]
        self._interval = interval
        self._poll = select.epoll()
        self._by_fd: dict[int, Link] = {}
        self._due: list[tuple[float, int, str, Link]] = []
        self._order = 0
        self.counts = Counts()

    def run(self, orders: Connection) -> None:
        self._poll.register(orders.fileno(), select.EPOLLIN)
        while True:
            now = time.monotonic()
            self._do_due(now)
            wait = max(0.0, self._due[0][0] - now) if self._due else 1.0
            for fd, events in self._poll.poll(min(wait, 1.0)):
                if fd != orders.fileno():
                    self._ready(self._by_fd.get(fd), events)
                elif not self._obey(orders):
                    return

    def _obey(self, orders: Connection) -> bool:
        word, *values = orders.recv()
        now = time.monotonic()
        if word == "connect":
            for place, link in enumerate(self._links):
                self._at(now + place * len(link.agents) / AT_ONCE * 0.02, "connect", link)
        elif word == "burst":
            for link in self._links:
                beats = (self._beat(link, a) for a in link.agents for _ in range(values[0]))
                self._send(link, b"".join(beats))
        elif word == "flap":
            for place, link in enumerate(self._flappers):
                moment = now + place / len(self._flappers) * self._interval
                self._at(moment, "vanish", link)
        elif word == "rhythm":
            self._interval = values[0]
            for link in self._links:
                self._begin(link, now)
        elif word == "steady":
            self._due = [due for due in self._due if due[2] != "vanish"]
        elif word == "end":
            return False
        counts = self.counts
        orders.send((counts.up, counts.connects, counts.sent, counts.acked, counts.answered))
        return True

    def _at(self, moment: float, what: str, link: Link) -> None:
        self._order += 1
        heappush(self._due, (moment, self._order, what, link))

    def _do_due(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            moment, _, what, link = heappop(self._due)
            if what == "connect":
                self._connect(link)
            elif what == "vanish":
                self._vanish(link, now)
            elif link.up and moment == link.beat_at:
                agents = link.agents
                link.turn += 1
                self._send(link, self._beat(link, agents[link.turn % len(agents)]))
                self._next_beat(link, now + self._interval / len(agents))

    def _begin(self, link: Link, now: float) -> None:
        """Its agents beat in turn from now on."""
        self._next_beat(link, now + random.uniform(0, self._interval / len(link.agents)))

    def _next_beat(self, link: Link, moment: float) -> None:
        link.beat_at = moment
        self._at(moment, "beat", link)

    def _connect(self, link: Link) -> None:
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect_ex(self._address)
        link.link, link.packets, link.up = made, wire.Packets(), False
        for agent in link.agents:
            agent.boot, agent.seq = max(agent.boot + 1, int(time.time() * 1000)), 0
        first = link.agents[0]
        will = None
        if len(link.agents) == 1:
            will = self._topic(first, MessageKind.STATUS), self._message(first, state="offline")
        commands = [self._topic(agent, MessageKind.COMMAND) for agent in link.agents]
        parts = [
            wire.connect(first.name, will=will),
            wire.subscribe(1, TOPICS.broadcast, *commands),
        ]
        for agent in link.agents:
            birth = self._message(agent, numbered=True, state="running")
            topic = self._topic(agent, MessageKind.STATUS)
            parts += [
                wire.publish(topic, birth, self._id(link), retain=True),
                self._beat(link, agent),
            ]
            self.counts.sent += 1
        link.unsent = b"".join(parts)
        self._by_fd[made.fileno()] = link
        self._poll.register(made.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _vanish(self, link: Link, now: float) -> None:
        """As kill -9 does: the broker then speaks the will."""
        if link.link is not None:
            link.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._lost(link)
        self._at(now + AWAY, "connect", link)
        self._at(now + self._interval * random.uniform(0.7, 1.3), "vanish", link)

    def _lost(self, link: Link) -> None:
        if link.link is not None:
            self._by_fd.pop(link.link.fileno(), None)
            link.link.close()
        self.counts.up -= len(link.agents) if link.up else 0
        link.link, link.up, link.unsent = None, False, b""

    def _ready(self, link: Link | None, events: int) -> None:
        if link is None or link.link is None:
            return
        try:
            if events & select.EPOLLOUT:
                self._send(link, b"")
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                data = link.link.recv(65_536)
                if not data:
                    raise ConnectionResetError
                for packet in link.packets.feed(data):
                    self._take(link, *packet)
        except BlockingIOError:
            return
        except OSError:
            self._lost(link)
            self._at(time.monotonic() + random.uniform(0.5, 1.5), "connect", link)

    def _take(self, link: Link, kind: int, flags: int, body: bytes) -> None:
        if kind == wire.Packet.PUBACK:
            self.counts.acked += 1
        elif kind == wire.Packet.PUBLISH:
            topic, payload, packet_id = wire.received(body, flags)
            answer = wire.puback(packet_id) if packet_id else b""
            command = json.loads(payload)
            if "verb" in command:
                for agent in link.agents:
                    if topic in (TOPICS.broadcast, self._topic(agent, MessageKind.COMMAND)):
                        answer += self._answer(link, agent, command)
            self._send(link, answer)
        elif kind == wire.Packet.CONNACK:
            link.up = True
            self.counts.up += len(link.agents)
            self.counts.connects += 1
            if self._interval:
                self._begin(link, time.monotonic())

    def _answer(self, link: Link, agent: Agent, command: dict[str, str]) -> bytes:
        reply = {"to": command["id"], "verb": command["verb"], "result": "done"}
        said = self._message(agent, numbered=True, state="running", reply=reply)
        self.counts.answered += 1
        self.counts.sent += 1
        topic = self._topic(agent, MessageKind.STATUS)
        return wire.publish(topic, said, self._id(link)) + self._beat(link, agent)

    def _send(self, link: Link, data: bytes) -> None:
        way = link.link
        if way is None:
            return
        link.unsent += data
        try:
            while link.unsent:
                link.unsent = link.unsent[way.send(link.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return  # epoll tells of it, too
        wanted = select.EPOLLIN | (select.EPOLLOUT if link.unsent else 0)
        self._poll.modify(way.fileno(), wanted)

    def _beat(self, link: Link, agent: Agent) -> bytes:
        body = self._message(agent, numbered=True, ok=True, interval=self._interval or 600)
        self.counts.sent += 1
        topic = self._topic(agent, MessageKind.HEARTBEAT)
        return wire.publish(topic, body, self._id(link), retain=True)

    def _topic(self, agent: Agent, kind: MessageKind) -> str:
        return TOPICS.of(kind, agent.name)

    def _id(self, link: Link) -> int:
        """Of the next packet."""
        link.packet = link.packet % 60_000 + 1
        return link.packet

    def _message(self, agent: Agent, *, numbered: bool = False, **fields: object) -> bytes:
        body: dict[str, object] = {**fields, "ts": timestamp(time.time()), "boot": agent.boot}
        if numbered:
            body["seq"] = agent.seq
            agent.seq += 1
        return json.dumps(body, separators=(",", ":")).encode()


def work(
    orders: Connection, address: tuple[str, int], names: Sequence[str], interval: float,
    flapping: float, shared: int = 1,
) -> None:  # fmt: skip
    """The body of one process of agents."""
    Crowd(address, names, interval, flapping, shared).run(orders)
