"""Thousands of simulated agents in one process: raw sockets, one epoll, no threads.

Each is what a sidecar is to the broker: a connection of its own with a last will, a birth, bus
heartbeats in its rhythm, and an answer to each command.
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
    """One simulated agent and its connection."""

    name: str
    boot: int
    seq: int = 0
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
        flapping: share of agents that vanish and return, `flap` seconds apart.
    """

    def __init__(
        self, address: tuple[str, int], names: Sequence[str], interval: float,
        flapping: float = 0.0, flap: float = 10.0,
    ) -> None:  # fmt: skip
        self._address = address
        self._agents = [Agent(name, int(time.time() * 1000)) for name in names]
        self._flappers = self._agents[: int(len(names) * flapping)]
        self._interval = interval
        self._flap = flap
        self._poll = select.epoll()
        self._by_fd: dict[int, Agent] = {}
        self._due: list[tuple[float, int, str, Agent]] = []
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
            for place, agent in enumerate(self._agents):
                self._at(now + place / AT_ONCE * 0.02, "connect", agent)
        elif word == "burst":
            for agent in self._agents:
                self._send(agent, b"".join(self._beat(agent) for _ in range(values[0])))
        elif word == "flap":
            for place, agent in enumerate(self._flappers):
                self._at(now + place / max(1, len(self._flappers)) * self._flap, "vanish", agent)
        elif word == "steady":
            self._due = [due for due in self._due if due[2] != "vanish"]
        elif word == "end":
            return False
        counts = self.counts
        orders.send((counts.up, counts.connects, counts.sent, counts.acked, counts.answered))
        return True

    def _at(self, moment: float, what: str, agent: Agent) -> None:
        self._order += 1
        heappush(self._due, (moment, self._order, what, agent))

    def _do_due(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            _, _, what, agent = heappop(self._due)
            if what == "connect":
                self._connect(agent)
            elif what == "vanish":
                self._vanish(agent, now)
            elif agent.up:
                self._send(agent, self._beat(agent))
                self._at(now + self._interval, "beat", agent)

    def _connect(self, agent: Agent) -> None:
        link = socket.socket()
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.connect_ex(self._address)
        agent.link, agent.packets, agent.up = link, wire.Packets(), False
        agent.boot, agent.seq = max(agent.boot + 1, int(time.time() * 1000)), 0
        will = self._message(agent, state="offline")
        status = TOPICS.of(MessageKind.STATUS, agent.name)
        command = TOPICS.of(MessageKind.COMMAND, agent.name)
        birth = self._message(agent, numbered=True, state="running")
        agent.unsent = b"".join(
            (
                wire.connect(agent.name, will=(status, will)),
                wire.subscribe(1, TOPICS.broadcast, command),
                wire.publish(status, birth, 2, retain=True),
                self._beat(agent),
            )
        )
        self.counts.sent += 1
        self._by_fd[link.fileno()] = agent
        self._poll.register(link.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _vanish(self, agent: Agent, now: float) -> None:
        """As kill -9 does: the broker then speaks the will."""
        if agent.link is not None:
            agent.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._lost(agent)
        self._at(now + AWAY, "connect", agent)
        self._at(now + self._flap * random.uniform(0.7, 1.3), "vanish", agent)

    def _lost(self, agent: Agent) -> None:
        if agent.link is not None:
            self._by_fd.pop(agent.link.fileno(), None)
            agent.link.close()
        self.counts.up -= agent.up
        agent.link, agent.up, agent.unsent = None, False, b""

    def _ready(self, agent: Agent | None, events: int) -> None:
        if agent is None or agent.link is None:
            return
        try:
            if events & select.EPOLLOUT:
                self._send(agent, b"")
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                data = agent.link.recv(65_536)
                if not data:
                    raise ConnectionResetError
                for packet in agent.packets.feed(data):
                    self._take(agent, *packet)
        except BlockingIOError:
            return
        except OSError:
            self._lost(agent)
            self._at(time.monotonic() + random.uniform(0.5, 1.5), "connect", agent)

    def _take(self, agent: Agent, kind: int, flags: int, body: bytes) -> None:
        if kind == wire.Packet.PUBACK:
            self.counts.acked += 1
        elif kind == wire.Packet.PUBLISH:
            _, payload, packet_id = wire.received(body, flags)
            answer = wire.puback(packet_id) if packet_id else b""
            command = json.loads(payload)
            if "verb" in command:
                reply = {"to": command["id"], "verb": command["verb"], "result": "done"}
                said = self._message(agent, numbered=True, state="running", reply=reply)
                status = TOPICS.of(MessageKind.STATUS, agent.name)
                answer += wire.publish(status, said, agent.seq % 60_000 + 1) + self._beat(agent)
                self.counts.answered += 1
                self.counts.sent += 1
            self._send(agent, answer)
        elif kind == wire.Packet.CONNACK:
            agent.up = True
            self.counts.up += 1
            self.counts.connects += 1
            if self._interval:
                first = time.monotonic() + random.uniform(0, self._interval)
                self._at(first, "beat", agent)

    def _send(self, agent: Agent, data: bytes) -> None:
        link = agent.link
        if link is None:
            return
        agent.unsent += data
        try:
            while agent.unsent:
                agent.unsent = agent.unsent[link.send(agent.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return  # epoll tells of it, too
        wanted = select.EPOLLIN | (select.EPOLLOUT if agent.unsent else 0)
        self._poll.modify(link.fileno(), wanted)

    def _beat(self, agent: Agent) -> bytes:
        body = self._message(agent, numbered=True, ok=True, interval=self._interval or 600)
        self.counts.sent += 1
        topic = TOPICS.of(MessageKind.HEARTBEAT, agent.name)
        return wire.publish(topic, body, agent.seq % 60_000 + 1, retain=True)

    def _message(self, agent: Agent, *, numbered: bool = False, **fields: object) -> bytes:
        body: dict[str, object] = {**fields, "ts": timestamp(time.time()), "boot": agent.boot}
        if numbered:
            body["seq"] = agent.seq
            agent.seq += 1
        return json.dumps(body, separators=(",", ":")).encode()


def work(
    orders: Connection, address: tuple[str, int], names: Sequence[str], interval: float,
    flapping: float,
) -> None:  # fmt: skip
    """The body of one process of agents."""
    Crowd(address, names, interval, flapping).run(orders)
