"""A home of an earlier release with a year behind it moves into PostgreSQL by one command, serves
from there, and comes back."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.old_release import Side, unpacked
from tests.support.waiting import wait_until

pytestmark = [postgres.needs_postgres, pytest.mark.timeout(240)]

HOURS = 365 * 24
MESSAGES = 2000


def live_a_year(home: Path) -> None:
    """Sums of each hour of a year, and messages since the release wrote its last."""
    with closing(sqlite3.connect(home / "fleet.sqlite3")) as database, database:
        [(agent,)] = database.execute("SELECT id FROM agent WHERE name = 'alpha'")
        [(last, at)] = database.execute("SELECT id, at FROM message ORDER BY id DESC LIMIT 1")
        now = time.time()
        database.executemany(
            "INSERT INTO rollup VALUES (?, ?, 6, 0, 1, 0, '{}')",
            [(int(now // 3600) - 2 - n, agent) for n in range(HOURS)],
        )
        [(newest,)] = database.execute("SELECT max(id) FROM event")
        first = max(last, newest) + 1
        database.executemany(
            "INSERT INTO message VALUES (?, ?, ?, 0, 0, ?)",
            [
                (first + n, at + (now - at) * n / MESSAGES, agent,
                 b'{"ok":true,"ts":"2027-01-15T08:00:00Z","uptime":%d}' % n)
                for n in range(MESSAGES)
            ],
        )  # fmt: skip


class Database:
    """The one that the home moves into."""

    def __init__(self) -> None:
        self.server, self.name = postgres.shared_server(), postgres.new_name()
        self.server.run("CREATE DATABASE {}", self.name)
        self.url = self.server.address(self.name)

    def number(self, text: str) -> int:
        [(value,)] = self.server.run(text, database=self.name)
        return int(value)

    def has_alert(self, code: str) -> bool:
        return self.number(f"SELECT count(*) FROM alert WHERE code = '{code}'") == 1  # noqa: S608


def serve(side: Side) -> None:
    side.start("broker", "hub")
    side.start("sidecar")


def test_a_running_home_of_0_1_0_with_a_year_of_history_moves_in_one_command(
    tmp_path: Path,
) -> None:
    side, database = unpacked("0.1.0", tmp_path / "site"), Database()
    live_a_year(side.home)
    plain = (side.home / "fleet.toml").read_text()
    try:
        said = side.fleet("store", "migrate", database.url)
        assert f'Try: store = "{database.url}" in {side.home}/fleet.toml' in said
        assert "was moved to postgresql" in side.fleet("serve", code=3)
        (side.home / "fleet.toml").write_text(f'store = "{database.url}"\n{plain}')
        serve(side)
        wait_until(lambda: database.has_alert("rate-limited"), 60, "what was in the outbox")
        assert database.number("SELECT count(*) FROM rollup") >= HOURS
        assert database.number("SELECT count(*) FROM message") > MESSAGES
        assert "disk-pressure" in side.fleet("alerts", "list")
        assert database.number("SELECT count(*) FROM alert WHERE acknowledged_by <> ''") == 1
        side.stop()
        side.fleet("store", "migrate", "home")
        assert "this store was moved away" in side.fleet("serve", code=3)
        (side.home / "fleet.toml").write_text(plain)
        (side.home / "hub.json").unlink(missing_ok=True)
        serve(side)
        side.say("queue-backlog")
        wait_until(lambda: side.stored("queue-backlog"), 60, "a new alert")
        assert side.stored("rate-limited")
    finally:
        side.stop("sidecar")
        side.stop()
