"""Two hubs on one PostgreSQL that know many agents: start, memory, page, `/metrics`, take-over.

    python -m benchmarks known_agents [AGENTS] [sqlite] [postgres]

The agents are records in the store, each heard within the last interval; one hub on SQLite with the
same records runs in the same run, to compare with. Goals at 100,000: start ≤ 30 s, page ≤ 1 s,
`/metrics` ≤ 5 s, take-over ≤ 20 s: `lease_s` of it until the lease is free, `start_s` until the
other hub leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import cost
from benchmarks.result import tell
from benchmarks.state import INTERVAL, payload, status
from fleet.bus.local_broker import LIMITS
from fleet.contract.reader import Reader
from fleet.contract.store_url import StoreUrl
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.domain.roster import Roster
from fleet.store.port import Store
from fleet.store.postgres import PostgresStore
from fleet.store.postgres.connection import Database
from fleet.store.records import Batch, StoredMessage
from fleet.store.sqlite import SqliteStore
from fleet.tokens import Principal, Role, Tokens
from tests.support import postgres
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.hub_http import ask
from tests.support.waiting import wait_until

STARTING: Final = 600.0
STORES: Final = ("sqlite", "postgres")
READS: Final = "this hub serves what the one that leads has stored"
PART: Final = 2_000
"""Records a commit."""


def roster_of(agents: int, now: float) -> Roster:
    roster, reader = Roster(interval=INTERVAL), Reader()
    for number in range(agents):
        at = now - INTERVAL * (1 - number / agents)
        for kind, text in (
            (MessageKind.STATUS, status(number, at)),
            (MessageKind.HEARTBEAT, payload(number, at, 1)),
        ):
            roster.observe(Address(f"agent-{number:06d}", kind), reader.read(kind, text), at=at)
    return roster


async def fill(store: Store, roster: Roster, agents: int, now: float) -> None:
    """Every agent's record, and one message, from which a start goes on."""
    store.open()
    names = [f"agent-{number:06d}" for number in range(agents)]
    last = StoredMessage(1, now, names[0], MessageKind.HEARTBEAT, False, payload(0, now, 1))
    await store.commit(Batch([last]))
    for first in range(0, agents, PART):
        part = names[first : first + PART]
        records = [(name, 1, state) for name, state in roster.dump(part)]
        await store.commit(Batch(records=records, replay_from=1))
    await store.close()


def asked(hub: HubProcess, path: str, token: str) -> dict[str, float]:
    """Seconds of the first answer and of the fastest of three more, and its bytes."""
    spent, size = [], 0
    for _ in range(4):
        request = urllib.request.Request(f"http://{hub.http}{path}")
        request.add_header("Authorization", f"Bearer {token}")
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=STARTING) as answer:  # noqa: S310 - our own hub
            size = len(answer.read())
        spent.append(time.perf_counter() - began)
    return {"first_s": round(spent[0], 2), "s": round(min(spent[1:]), 3), "bytes": size}


def ready(hub: HubProcess) -> bool:
    with contextlib.suppress(OSError):
        return ask(f"http://{hub.http}/readyz", patience=0).status == 200
    return False


def leads(hub: HubProcess) -> bool:
    """Whether it does the work itself; one that reads says that it is ready, too."""
    with contextlib.suppress(OSError):
        said = ask(f"http://{hub.http}/readyz", patience=0)
        # One that reads or waits says so; one that leads says how its broker and its store are.
        return said.status == 200 and "role" not in json.loads(said.body)
    return False


def taken_over(one: HubProcess, two: HubProcess) -> dict[str, Any]:
    """`one` is killed, and `two`, which reads, does its work."""
    began, spent = time.perf_counter(), cost.cpu_seconds(two.pid)
    one.kill()
    wait_until(lambda: "this hub leads now" in two.log, STARTING, "a free lease")
    lease = time.perf_counter() - began
    wait_until(lambda: leads(two), STARTING, "the other hub")
    took = time.perf_counter() - began
    return {
        "s": round(took, 1),
        "lease_s": round(lease, 1),
        "start_s": round(took - lease, 1),
        "cpu_s": round(cost.cpu_seconds(two.pid) - spent, 2),
    }


def looked_at(hub: HubProcess) -> dict[str, Any]:
    viewer, _ = Tokens(hub.home).create(Principal(Role.VIEWER), "2026-01-01T00:00:00Z")
    return {
        "agents_page": asked(hub, "/v1/agents?limit=100", viewer),
        "agents_brief": asked(hub, "/v1/agents?brief=true", viewer),
        "stats": asked(hub, "/v1/stats", viewer),
        "metrics": asked(hub, "/metrics", hub.scrape_token()),
        "memory_mib": round(cost.mebibytes(hub.pid)),
    }


def started(hub: HubProcess) -> float:
    began = time.perf_counter()
    hub.start()
    wait_until(lambda: ready(hub), STARTING, "a hub that serves")
    return round(time.perf_counter() - began, 1)


def hub_in(folder: Path, name: str, broker: Mosquitto, **settings: str) -> HubProcess:
    (folder / name).mkdir()
    return HubProcess(folder / name, broker, FLEET_MAX_AGENTS="1000000", **settings)


def on_sqlite(agents: int, folder: Path, broker: Mosquitto, roster: Roster) -> dict[str, Any]:
    alone = hub_in(folder, "alone", broker)
    asyncio.run(fill(SqliteStore(alone.home), roster, agents, time.time()))
    try:
        return {"start_s": started(alone)} | looked_at(alone)
    finally:
        alone.stop()


def on_postgres(
    agents: int, folder: Path, broker: Mosquitto, roster: Roster
) -> dict[str, dict[str, Any]]:
    server = postgres.own_server(["fsync=on", "shared_buffers=128MB"])
    address = server.create(postgres.new_name())
    store = PostgresStore(Database(StoreUrl.parse(address)))
    asyncio.run(fill(store, roster, agents, time.time()))
    found: dict[str, dict[str, Any]] = {}
    with contextlib.ExitStack() as stack:
        one, two = (hub_in(folder, n, broker, FLEET_STORE=address) for n in ("one", "two"))
        stack.callback(one.stop)
        stack.callback(two.stop)
        found["leader"] = {"start_s": started(one)} | looked_at(one)
        began = time.perf_counter()
        two.start(standby=True)
        wait_until(lambda: READS in two.log, STARTING, "a hub that reads")
        reads = round(time.perf_counter() - began, 1)
        found["reader"] = {"start_s": reads} | looked_at(two)
        found["taken_over"] = taken_over(one, two) | looked_at(two)
    return found


def measure(agents: int, folder: Path, stores: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    roster = roster_of(agents, time.time())
    broker = Mosquitto(folder, LIMITS).start()
    try:
        if "sqlite" in stores:
            found["sqlite"] = on_sqlite(agents, folder, broker, roster)
        if "postgres" in stores:
            found |= on_postgres(agents, folder, broker, roster)
    finally:
        broker.stop()
    found["load"] = round(os.getloadavg()[0], 1)
    return found


def main() -> None:
    words = sys.argv[1:]
    agents = next((int(word) for word in words if word.isdigit()), 100_000)
    stores = [word for word in words if word in STORES] or STORES
    if not postgres.POSTGRES:
        raise SystemExit("PostgreSQL is not installed\nTry: sh scripts/test.sh --all")
    with tempfile.TemporaryDirectory() as folder:
        tell({"agents": agents, **measure(agents, Path(folder), stores)})


if __name__ == "__main__":
    main()
