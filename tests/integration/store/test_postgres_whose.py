"""Whose database it is, and whom it lets in: a hub that is wrong there ends with words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.store_url import StoreUrl
from fleet.hub.counters import Counters
from fleet.hub.leading import Leading
from fleet.hub.store_patience import StorePatience
from fleet.settings import Settings, load
from fleet.store.identity import FILE, identity
from fleet.store.port import StoreError, StoreRefusedError, StoreUnavailableError
from fleet.store.postgres.connection import Database
from fleet.store.postgres.lease import Lease
from tests.support import postgres
from tests.support.broker import free_port
from tests.support.served import environment
from tests.support.stores import PostgresPlace

pytestmark = postgres.needs_postgres

OURS, THEIRS = "a" * 32, "b" * 32


@pytest.fixture
def place(tmp_path: Path) -> PostgresPlace:
    return PostgresPlace(tmp_path)


def lease(place: PostgresPlace, fleet: str) -> Lease:
    return Lease(Database(place.url), fleet=fleet)


def test_a_hub_of_another_fleet_takes_nothing_over(place: PostgresPlace) -> None:
    first = lease(place, OURS)
    assert first.acquire() is None
    first.release()
    with pytest.raises(StoreError, match="is another fleet's") as refused:
        lease(place, THEIRS).acquire()
    assert not isinstance(refused.value, StoreUnavailableError), "waiting would not help"
    assert THEIRS[:8] in refused.value.why
    again = lease(place, OURS)
    assert (again.acquire(), again.epoch) == (None, 2), "the other one changed nothing"


def test_a_database_from_before_belongs_to_whoever_leads_next(place: PostgresPlace) -> None:
    unmarked = lease(place, "")
    assert unmarked.acquire() is None
    unmarked.release()
    assert lease(place, THEIRS).acquire() is None
    with pytest.raises(StoreError):
        lease(place, OURS).acquire()


def serve(home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environ = environment(home, FLEET_HTTP="127.0.0.1:0", **settings)
    argv = [sys.executable, "-m", "fleet", "serve"]
    return subprocess.run(
        argv, env=environ, capture_output=True, text=True, timeout=120, check=False
    )


def test_fleet_serve_says_whose_it_is_and_ends(place: PostgresPlace, tmp_path: Path) -> None:
    assert lease(place, OURS).acquire() is None
    broker = f"mqtt://127.0.0.1:{free_port()}"
    ended = serve(tmp_path, FLEET_STORE=str(place.url), FLEET_BROKER=broker)
    assert ended.returncode == 3
    assert "is another fleet's: it is of the fleet aaaaaaaa" in ended.stderr
    assert "\nTry: createdb" in ended.stderr


def settings(home: Path, **values: str) -> Settings:
    home.mkdir(exist_ok=True)
    return load({"home": str(home), **values}, environ={})


def test_a_fleet_is_known_by_what_it_has_had_longest(tmp_path: Path) -> None:
    one = settings(tmp_path / "one", broker="mqtt://bus.example.org")
    two = settings(tmp_path / "two", broker="mqtt://bus.example.org")
    elsewhere = settings(tmp_path / "three", broker="mqtt://other.example.org")
    assert identity(one) == identity(two) != identity(elsewhere)
    (one.home / "keys").mkdir()
    (one.home / "keys" / "keys.json").write_text('{"keys": [{"public": "00"}]}')
    assert identity(one) == identity(two), "it stays, whatever came later"
    (one.home / FILE).unlink()
    assert identity(one) != identity(two)


def test_a_damaged_mark_is_said(tmp_path: Path) -> None:
    home = settings(tmp_path / "one")
    (home.home / FILE).write_text("mine")
    (home.home / FILE).chmod(0o600)
    with pytest.raises(ConfigError, match="is damaged"):
        identity(home)


class LockedServer:
    """A server that wants a password, and the place of a database in it."""

    def __init__(self) -> None:
        self.server = postgres.own_server()
        (self.server.folder / "data" / "pg_hba.conf").write_text(
            "local all fleet trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        self.server.run("CREATE USER hub PASSWORD 'right'")
        self.server.run("CREATE DATABASE theirs OWNER hub")
        self.server.run("SELECT pg_reload_conf()")

    def url(self, database: str) -> StoreUrl:
        return StoreUrl.parse(f"postgresql://hub@127.0.0.1:{self.server.port}/{database}")


async def began(url: StoreUrl, password: str | None) -> Leading:
    """A hub that has begun to lead."""
    database = Database(url, password)
    leading = Leading(Lease(database), StorePatience(Counters(), lambda: None, float))  # type: ignore[arg-type, return-value]
    try:
        await leading.begin()
    finally:
        database.close()
    return leading


async def test_a_login_that_is_wrong_is_said_and_waited_for_by_nobody(tmp_path: Path) -> None:
    locked = LockedServer()
    try:
        with pytest.raises(StoreRefusedError, match="SQLSTATE 28P01"):
            await began(locked.url("theirs"), "wrong")
        with pytest.raises(StoreRefusedError, match="SQLSTATE 3D000"):
            await began(locked.url("nowhere"), "right")
        with pytest.raises(StoreRefusedError, match="wants a password"):
            await began(locked.url("theirs"), None)
        assert (await began(locked.url("theirs"), "right")).is_certain
        secret = tmp_path / "store.password"
        secret.write_text("wrong")
        secret.chmod(0o600)
        ended = serve(
            tmp_path, FLEET_STORE=str(locked.url("theirs")), FLEET_STORE_PASSWORD_FILE=str(secret)
        )
        assert ended.returncode == 3
        assert "refuses this hub" in ended.stderr
        assert "\nTry: createdb, or psql" in ended.stderr
        assert "wrong" not in ended.stderr
    finally:
        locked.server.stop()
