"""Threat 9: what a flood costs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sqlite3
import time
from pathlib import Path

from fleet.http.connections import most_connections
from fleet.store.sqlite import SqliteStore
from tests.support.http_attacks import attacked
from tests.support.waiting import wait_until
from tests.trials.world import Client, Finding, beat, memory, metric, open_world, world

THREAT = "9. Denial of service"

A_SECOND = 300
"""Heartbeats: what a busy machine still takes in while it is measured."""


def names_of_metrics(folder: Path, seconds: float) -> Finding:
    """32 new names in each heartbeat, a minute long."""
    with world(folder) as here, here.client("mallory") as mallory:
        before, sent = here.hub.memory, 0
        began = time.monotonic()
        end = began + seconds
        while time.monotonic() < end:
            metrics = {f"m{sent}_{index}_bytes": index for index in range(32)}
            mallory.client.publish("fleet/mallory/heartbeat", beat(sent, metrics=metrics), 1)
            sent += 1
            time.sleep(max(0.0, began + sent / A_SECOND - time.monotonic()))
        wait_until(lambda: mallory.answered == sent, 120, "the flood's end")
        wait_until(lambda: metric(here.hub, "fleet_bus_messages_total") >= sent, 120, "the hub")
        after = here.hub.memory
        answer = len(json.dumps(here.hub.get("/v1/agents")))
        scraped = len(str(here.hub.ask("GET", "/metrics", "operator")[1]).splitlines())
        here.hub.stop()
        step, row, grown = asyncio.run(_hourly_step(here.broker.home))
    gave = (
        f"{sent:,} heartbeats in {seconds:.0f} s; memory of the hub {before:.0f} -> {after:.0f} MB;"
        f" `/v1/agents` {answer / 1000:.1f} kB, `/metrics` {scraped:,} lines;"
        f" summing up the hour: longest step {step:.2f} s, {grown:.0f} MB more,"
        f" largest row {row / 1000:.1f} kB"
    )
    held = after - before < 150 and answer < 100_000 and row < 20_000 and step < 5
    return Finding(THREAT, "32 new metric names in each heartbeat of an enrolled agent", gave, held)


async def _hourly_step(home: Path) -> tuple[float, int, float]:
    """The longest step of upkeep an hour later (s), the largest roll-up (bytes), memory (MB)."""
    store = SqliteStore(home)
    store.open()
    longest, before = 0.0, memory_here()
    more = True
    while more:
        began = time.monotonic()
        more = await store.upkeep(time.time() + 3600)
        longest = max(longest, time.monotonic() - began)
    grown = memory_here() - before
    await store.close()
    with contextlib.closing(sqlite3.connect(home / "fleet.sqlite3")) as database:
        (row,) = database.execute("SELECT max(length(metrics)) FROM rollup").fetchone()
    return longest, row or 0, grown


def memory_here() -> float:
    import os

    return memory(os.getpid())


def names_of_agents(folder: Path, count: int) -> Finding:
    """Invented names where everybody may publish and nobody keeps a list."""
    with open_world(folder) as (broker, hub), Client(broker.port) as mallory:
        assert hub._process is not None
        pid = hub._process.pid
        before = memory(pid)
        began = time.monotonic()
        for number in range(count):
            mallory.client.publish(f"fleet/x{number}/heartbeat", beat(number), 1)
            while mallory.answered < number - 500:
                time.sleep(0.001)
        wait_until(lambda: mallory.answered == count, 300, "the flood's end")
        wait_until(lambda: metric(hub, "fleet_bus_messages_total") >= count, 300, "the hub")
        seconds = time.monotonic() - began
        after = memory(pid)
        lines = len(str(hub.ask("GET", "/metrics", "operator")[1]).splitlines())
        agents = len(hub.get("/v1/agents")["agents"])
    gave = (
        f"in {seconds:.0f} s; {agents:,} kept; `/metrics` {lines:,} lines; memory {before:.0f} ->"
        f" {after:.0f} MB"
    )
    held = agents <= 1000 and lines < 20_000 and after - before < 150
    return Finding(THREAT, f"{count:,} invented agents on an open broker", gave, held)


def a_queue(folder: Path, count: int) -> Finding:
    """8 KB a message while the hub is away, at its persistent session."""
    with world(folder) as here:
        here.hub.kill()
        before = memory(here.broker.pid)
        with here.client("mallory") as mallory:
            filler = b"x" * 8_000
            began = time.monotonic()
            for number in range(count):
                mallory.client.publish("fleet/mallory/status", filler, 1)
                while mallory.answered < number - 500:
                    time.sleep(0.001)
            wait_until(lambda: mallory.answered >= count, 120, "the flood's end")
            seconds = time.monotonic() - began
            queued = memory(here.broker.pid)
        here.hub.start()
        began = time.monotonic()
        wait_until(lambda: metric(here.hub, "fleet_bus_rejects_total") >= count * 0.99, 120, "it")
        drained = time.monotonic() - began
        letters = metric(here.hub, "fleet_dead_letters_dropped_total")
        after = here.hub.memory
    gave = (
        f"sent in {seconds:.1f} s; memory of the broker {before:.0f} -> {queued:.0f} MB; worked off"
        f" in {drained:.1f} s by a hub of {after:.0f} MB, all rejected,"
        f" {letters:,.0f} of the dead letters dropped again"
    )
    return Finding(
        THREAT,
        f"{count:,} messages of 8 KB while the hub is away",
        gave,
        queued < 1100 and after < 300,
    )


def unconfirmed(folder: Path, seconds: float) -> Finding:
    """QoS 0 at full speed, straight to the socket: nothing holds it back."""
    with world(folder) as here, here.client("mallory") as mallory, here.client("ada") as ada:
        before, sent, peak = here.hub.memory, 0, 0.0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(200):
                mallory.client.publish("fleet/mallory/heartbeat", beat(sent), 0)
                sent += 1
            peak = max(peak, here.hub.memory)
            while mallory.client.want_write():
                time.sleep(0.001)
        ada.publish("fleet/ada/heartbeat", beat(1))
        began = time.monotonic()
        wait_until(lambda: _state(here.hub, "ada") == "ok", 60, "the honest agent")
        waited = time.monotonic() - began
        dropped = int(metric(here.hub, "fleet_overflowed_messages_total"))
    gave = (
        f"{sent:,} in {seconds:.0f} s; memory {before:.0f} -> at most {peak:.0f} MB; {dropped:,}"
        f" dropped and counted; an honest heartbeat was seen after {waited:.1f} s"
    )
    return Finding(THREAT, "heartbeats at QoS 0 as fast as they go", gave, peak - before < 250)


def _state(hub: object, agent: str) -> str:
    answer = hub.get("/v1/agents")["agents"]  # type: ignore[attr-defined]
    return next((one["state"] for one in answer if one["agent"] == agent), "")


def half_sent(folder: Path, count: int, asked: int) -> Finding:
    """Header lines without end, and bad tokens, beside a caller who has a good one."""
    with open_world(folder) as (_, hub), attacked("half-sent headers", hub.port, count):
        served, slowest = 0, 0.0
        for number in range(asked):
            hub.ask("GET", "/v1/agents", f"fleet_wrong{number}", patience=0)
            hub.ask("GET", "/v1/agents", f"fleet_wrong_{number}", patience=0)
            began = time.monotonic()
            served += hub.ask("GET", "/v1/agents", "operator", patience=0)[0] == 200
            slowest = max(slowest, time.monotonic() - began)
    gave = f"{served} of {asked} good requests served, the slowest in {slowest:.2f} s"
    tried = f"{count} half-sent headers held, {2 * asked} bad tokens from the same address"
    return Finding(THREAT, tried, gave, served == asked)


def raw_http(folder: Path) -> Finding:
    """Requests that are none, each on a connection of its own; then one that is."""
    with open_world(folder) as (_, hub):
        many = b"9" * 5000
        viewer = b" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        viewer += hub.tokens["viewer"].encode()
        attempts = [
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + many + b"\r\n\r\n",
            b"GET /v1/events" + viewer + b"\r\nLast-Event-ID: " + many + b"\r\n\r\n",
            b"GET /v1/events?after=" + many + viewer + b"\r\n\r\n",
            b"POST /v1/send HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Length: 4\r\n\r\nfffffffffffffffff\r\n",
            b"GET /%00%ff%2e%2e%2f HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /static/../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00" * 40, b"\x00" * 4000,
            b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"POST /v1/ack HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer " + hub.tokens["operator"].encode()
            + b"\r\nContent-Length: 60000\r\n\r\n" + b"[" * 60_000,
        ]  # fmt: skip
        answers: list[bytes] = []
        for attempt in attempts:
            with socket.create_connection(("127.0.0.1", hub.port), 10) as caller:
                caller.settimeout(10)
                with contextlib.suppress(OSError):
                    caller.sendall(attempt)
                    answers.append(caller.recv(4096)[9:12])
        good = hub.ask("GET", "/v1/agents")[0]
        log = hub.log.read_text()
    five = sum(answer[:1] == b"5" for answer in answers)
    traces = log.count("Traceback")
    gave = f"{five} answers of 5xx, {traces} tracebacks in the log; then a good request: {good}"
    tried = f"{len(attempts)} requests that are none: lengths, chunks, paths, headers, depth"
    return Finding(THREAT, tried, gave, not five and not traces and good == 200)


def streams(folder: Path, count: int) -> Finding:
    """Event streams with one token, asked for all at once."""
    with open_world(folder) as (_, hub), contextlib.ExitStack() as open_:
        asked = (
            f"GET /v1/events HTTP/1.1\r\nHost: localhost:{hub.port}\r\n"
            f"Authorization: Bearer {hub.tokens['viewer']}\r\n\r\n"
        ).encode()
        address = ("127.0.0.1", hub.port)
        callers = [open_.enter_context(socket.create_connection(address)) for _ in range(count)]
        for caller in callers:
            with contextlib.suppress(OSError):
                caller.sendall(asked)
        time.sleep(5)
        live = told = 0
        for caller in callers:
            caller.settimeout(0.2)
            with contextlib.suppress(OSError):
                answer = caller.recv(4_096)
                told += answer[9:12] == b"429"
                live += answer[9:12] == b"200" and not answer.endswith(b"0\r\n\r\n")
        served = hub.ask("GET", "/v1/agents")[0]
    bound = most_connections() // 4
    gave = f"{live} stay open, {told} are told 429; a request of another: {served}"
    tried = f"{count} event streams with one token, asked for at once"
    return Finding(THREAT, tried, gave, live <= bound and served == 200)
