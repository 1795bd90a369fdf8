"""A real PostgreSQL for tests: one server a test process, in a folder of its own, run by a user
without rights (the program refuses root); a database a test, made from one that is migrated."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from fleet.contract.store_url import StoreUrl
from fleet.store.postgres.connection import Database
from fleet.store.postgres.migrations import migrate
from tests.support.broker import free_port
from tests.support.waiting import wait_until

_TEMPLATE = "fleet_template"


def _program(name: str) -> str | None:
    """Debian keeps the server's programs off the PATH, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


POSTGRES = _program("postgres")
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

needs_postgres = pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed")


def unprivileged() -> dict[str, Any]:
    """For `subprocess`: whom a server runs as. Root becomes `postgres`, or nobody."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise AssertionError("there is no user without rights on this machine")


def hand_over(path: Path) -> None:
    """Give `path` to the user that the server runs as."""
    who = unprivileged()
    if who:
        os.chown(path, who["user"], who["group"])


class Postgres:
    """One server; `crash` and `start` again keep its port and all that it has committed."""

    def __init__(self, folder: Path, settings: Sequence[str] = ()) -> None:
        self.folder = folder
        self.port = free_port()
        self._settings = list(settings)
        self._process: subprocess.Popen[bytes] | None = None
        folder.chmod(0o711)
        hand_over(folder)
        subprocess.run(
            [_program("initdb") or "", "-D", folder / "data", "-A", "trust", "-U", "fleet",
             "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd=folder, **unprivileged(),
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        argv = [
            POSTGRES or "", "-D", str(self.folder / "data"), "-k", str(self.folder),
            "-h", "127.0.0.1", "-p", str(self.port), "-c", "fsync=off", "-c", "shared_buffers=16MB",
            "-c", "max_connections=60", "-c", "log_min_messages=fatal",
        ]  # fmt: skip
        for setting in self._settings:
            argv += ["-c", setting]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdout=log, stderr=log, cwd=self.folder, **unprivileged()
            )
        wait_until(self._answers, what="the start of PostgreSQL")

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def crash(self) -> None:
        """End it at once, as a power cut would, and let it recover later by `start`."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)
        self._process.wait(30)

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.folder / "server.log").read_text()
        try:
            psycopg.connect(self.address("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def address(self, database: str) -> str:
        """How to reach a database, by the socket."""
        return f"postgresql://fleet@/{database}?host={self.folder}&port={self.port}"

    def tcp_address(self, database: str) -> str:
        return f"postgresql://fleet@127.0.0.1:{self.port}/{database}"

    def run(self, text: str, *names: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run SQL in which `{}` are these names; the rows."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            query = sql.SQL(text).format(*map(sql.Identifier, names))
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def create(self, name: str, template: str = _TEMPLATE) -> str:
        """A new database of this name, and its address."""
        self.run("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        return self.address(name)

    def copy(self, source: str, name: str) -> None:
        """A copy of a database, whoever is connected to it."""
        self.run("ALTER DATABASE {} ALLOW_CONNECTIONS false", source)
        try:
            self._hang_up(source)
            self.run("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, source)
        finally:
            self.run("ALTER DATABASE {} ALLOW_CONNECTIONS true", source)

    def _hang_up(self, name: str) -> None:
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                (name,),
            )

    def migrated(self) -> None:
        """Make the template."""
        self.run("CREATE DATABASE {}", _TEMPLATE)
        database = Database(StoreUrl.parse(self.address(_TEMPLATE)))
        database.open()
        database.transaction(migrate)
        database.close()
        self._hang_up(_TEMPLATE)


def own_server(settings: Sequence[str] = ()) -> Postgres:
    """A server that is ended with the test process, for who will hurt it."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = Postgres(folder, settings)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    server.migrated()
    return server


@cache
def shared_server() -> Postgres:
    """The one of this test process."""
    return own_server()


_numbers = itertools.count(1)


def new_name() -> str:
    return f"t{next(_numbers)}"


@contextlib.contextmanager
def pooler(server: Postgres, database: str, folder: Path) -> Iterator[StoreUrl]:
    """PgBouncer in transaction mode, with two connections to the server; the way through it."""
    port = free_port()
    users, config = folder / "users", folder / "pgbouncer.ini"
    users.write_text('"fleet" ""\n')
    config.write_text(
        f"[databases]\n{database} = host=127.0.0.1 port={server.port} user=fleet\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
        f"auth_file = {users}\nlogfile =\n"
    )
    for path in (folder, users, config):
        hand_over(path)
    if os.geteuid() == 0:  # pytest's folders above it are root's own
        for path in list(folder.parents)[:2]:
            path.chmod(0o711)
    process = subprocess.Popen(
        [PGBOUNCER or "", config.name],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **unprivileged(),
    )  # fmt: skip
    url = StoreUrl.parse(f"postgresql://fleet@127.0.0.1:{port}/{database}")
    try:
        wait_until(lambda: _is_up(url), what="the pooler")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _is_up(url: StoreUrl) -> bool:
    try:
        psycopg.connect(url.text, connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True
