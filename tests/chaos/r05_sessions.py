"""R5: connections that take each other over, wills that come late, numbers that come twice."""

from __future__ import annotations

import itertools
import json
import random
import socket
import struct
import time
from pathlib import Path
from typing import Any

from benchmarks import wire
from fleet.contract.timestamps import timestamp
from tests.chaos.scenario import Finding, Scenario
from tests.chaos.world import World
from tests.support.waiting import wait_until

AGENTS = 10
STANDS = 1.0
"""Seconds from which on an offline that is not true counts: a will that overtakes the next
session's birth on the broker's side is true until that birth arrives."""


class Link:
    """One raw connection of an agent; says its birth, and repeats what it said."""

    def __init__(self, port: int, agent: str, boot: int) -> None:
        self.agent, self.boot = agent, boot
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._seq = 0
        self.will = self._message("status", state="offline", numbered=False)
        self._socket.sendall(wire.connect(agent, will=(f"fleet/{agent}/status", self.will)))
        assert self._socket.recv(4)[:1] == b"\x20", "no CONNACK"

    def say(self, kind: str, *, times: int = 1, **fields: Any) -> None:
        """The same numbered message, `times` times."""
        body = self._message(kind, **fields)
        packet = wire.publish(f"fleet/{self.agent}/{kind}", body, 1, retain=True)
        self._socket.sendall(packet * times)

    def late_will(self, will: bytes) -> None:
        """An old will comes after all, as a broker that was slow to notice sends it."""
        self._socket.sendall(wire.publish(f"fleet/{self.agent}/status", will, 2))

    def abort(self) -> None:
        """Vanish with a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def leave_open(self) -> socket.socket:
        return self._socket

    def _message(self, kind: str, *, numbered: bool = True, **fields: Any) -> bytes:
        body = {"ts": timestamp(time.time()), "boot": self.boot, **fields}
        if kind == "heartbeat":
            body |= {"ok": True, "interval": 60}
        if numbered:
            body["seq"] = self._seq
            self._seq += 1
        return json.dumps(body).encode()


def run(folder: Path, short: bool) -> Finding:
    count = 200 if short else 1000
    chance = random.Random(5)
    left_open: list[socket.socket] = []
    links: dict[str, Link] = {}
    wills: dict[str, list[bytes]] = {f"agent-{n}": [] for n in range(AGENTS)}
    with World(folder) as world:
        world.hub.start()
        first = int(time.time() * 1000)
        for number in range(count):
            agent = f"agent-{number % AGENTS}"
            before = links.get(agent)
            if before and chance.random() < 0.5:
                before.abort()
            elif before:
                left_open.append(before.leave_open())  # the broker must push it out
            link = links[agent] = Link(world.broker.port, agent, first + number)
            link.say("status", state="running", times=chance.choice((1, 1, 3)))
            link.say("heartbeat", times=chance.choice((1, 2)))
            if wills[agent]:
                link.late_will(chance.choice(wills[agent]))
            wills[agent].append(link.will)
            time.sleep(0.005)
        for agent, link in links.items():
            wait_until(lambda a=agent: world.verdict(a) == "ok", what=f"{agent} ok")  # type: ignore[misc]
            link.late_will(wills[agent][0])
        time.sleep(2 * STANDS)
        ends = [world.verdict(agent) for agent in links]
        stood = standing(world)
        doubled = world.hub.query(
            "SELECT count(*) - count(DISTINCT agent || kind || payload) FROM message"
            " WHERE payload LIKE '%seq%'"
        )[0][0]
        for one in (*left_open, *(link.leave_open() for link in links.values())):
            one.close()
    false = sum(seconds >= STANDS for seconds in stood) + sum(word != "ok" for word in ends)
    return Finding(
        f"{count} reconnects, {len(left_open)} by take-over: {false} false offline, {doubled}"
        f" doubled; {len(stood)} true ends of a session were shown, for {max(stood, default=0):.3f}"
        " s at most",
        false == 0 and doubled == 0,
        {"reconnects": count, "false": false, "shown": len(stood)},
    )


def standing(world: World) -> list[float]:
    """For how long each offline was shown."""
    rows = world.hub.query(
        "SELECT agent, word, at FROM event WHERE fact = 'verdict' ORDER BY agent, id"
    )
    spans = []
    for (agent, word, at), (next_agent, _, until) in itertools.pairwise(rows):
        if word == "offline" and agent == next_agent:
            spans.append(float(str(until)) - float(str(at)))
    return spans


SCENARIO = Scenario(
    "R5", "1,000 reconnects with take-over, late wills, duplicate ids", "0 false offline", run
)
