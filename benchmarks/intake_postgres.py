"""The hub's intake with its store in PostgreSQL, beside SQLite and one that only counts.

    python -m benchmarks intake_postgres [MESSAGES] [ROUNDS] [AGENTS]

As `intake`: one burst at QoS 1, judged, committed and acknowledged; rounds are interleaved,
results are medians. The server runs beside it, on the same cores and disk, reached by a socket,
with `fsync` and `synchronous_commit` on. Goal: 0.6 of SQLite.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.intake import Contender, Count, mosquitto_sub, our_hub, rate
from benchmarks.result import tell
from fleet.bus.local_broker import LocalBroker
from tests.support import postgres


def on(server: postgres.Postgres) -> Contender:
    """The hub on a new database of `server`."""

    @contextlib.contextmanager
    def run(broker: LocalBroker, messages: int, folder: Path) -> Iterator[Count]:
        os.environ["FLEET_STORE"] = server.create(postgres.new_name())
        try:
            with our_hub("codec", broker, messages, folder) as count:
                yield count
        finally:
            del os.environ["FLEET_STORE"]

    return run


def on_sqlite() -> Contender:
    return lambda *given: our_hub("codec", *given)


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    agents = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    if not postgres.POSTGRES:
        raise SystemExit("PostgreSQL is not installed\nTry: sh scripts/test.sh --all")
    server = postgres.own_server(["fsync=on", "shared_buffers=128MB"])
    contenders = {
        "mosquitto_sub": mosquitto_sub,
        "sqlite": on_sqlite(),
        "postgres": on(server),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            rates[name].append(rate(contender, messages, agents))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    tell(
        {
            "messages": messages,
            "rounds": rounds,
            "per_s": {name: round(value) for name, value in medians.items()},
            "range_per_s": {n: [round(min(f)), round(max(f))] for n, f in rates.items()},
            "postgres_to": {
                n: round(medians["postgres"] / v, 2) for n, v in medians.items() if n != "postgres"
            },
        }
    )


if __name__ == "__main__":
    main()
