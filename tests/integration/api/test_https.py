"""Beyond this machine the hub speaks TLS by its own CA, or says why not; asked over loopback."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.provisioning.certificates import Authority
from fleet.tokens import Principal, Tokens
from tests.support.broker import Mosquitto, free_port
from tests.support.served import environment, fleet
from tests.support.waiting import wait_until
from tests.support.work_hub import digest_of


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    running = Mosquitto(tmp_path_factory.mktemp("https") / "broker").start()
    yield running
    running.stop()


class SecuredHub:
    """`fleet serve` on every address of this machine."""

    def __init__(self, home: Path, broker: Mosquitto, **settings: str) -> None:
        self.home = home
        self.port = free_port()
        self.environ = environment(
            home, FLEET_BROKER=broker.url, FLEET_HTTP=f"0.0.0.0:{self.port}", **settings
        )

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(Authority(self.home).ca_file))

    def ask(
        self, path: str, token: str = "", method: str = "GET", body: bytes | None = None
    ) -> int:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=20, context=self.trusting()
        )
        try:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request(method, path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def serial(self) -> int:
        """Of the certificate that a new connection is shown."""
        with (
            socket.create_connection(("127.0.0.1", self.port), 20) as plain,
            self.trusting().wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            found = secured.getpeercert()
            assert found is not None
            return int(str(found["serialNumber"]), 16)

    @contextmanager
    def serving(self) -> Iterator[None]:
        with (self.home / "serve.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "fleet", "serve"], env=self.environ, stdout=log, stderr=log
            )
        try:
            wait_until(self._is_ready, what="the hub's start")
            yield
        finally:
            process.terminate()
            process.wait(20)

    def _is_ready(self) -> bool:
        try:
            return self.ask("/readyz") == 200
        except OSError:
            return False


def answered(plain: socket.socket) -> bytes:
    """What comes before the other side hangs up."""
    try:
        return plain.recv(100)
    except ConnectionError:
        return b""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


def test_without_a_ca_nothing_is_served_beyond_this_machine(home: Path, broker: Mosquitto) -> None:
    hub = SecuredHub(home, broker)
    for words in (("serve",), ("mcp", "--http", f"0.0.0.0:{hub.port}")):
        done = fleet(*words, environ=hub.environ)
        assert done.returncode == 3
        assert "without TLS" in done.stderr
        assert "Try: fleet init makes one; FLEET_HTTP_PLAIN=true" in done.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", hub.port), 5)
    refused = fleet("serve", environ=hub.environ | {"FLEET_HTTP_PLAIN": "yes"})
    assert refused.returncode == 3
    assert "FLEET_HTTP_PLAIN=true" in refused.stderr


def test_with_a_ca_it_speaks_tls_alone_and_a_rotation_is_served(
    home: Path, broker: Mosquitto
) -> None:
    Authority(home).create(time.time())
    token, _ = Tokens(home).create(Principal.parse("operator"), "2026-01-01T00:00:00Z")
    hub = SecuredHub(home, broker)
    with hub.serving():
        assert (home / "ca/http.key").stat().st_mode & 0o077 == 0
        with socket.create_connection(("127.0.0.1", hub.port), 20) as plain:
            plain.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert not answered(plain).startswith(b"HTTP/")
        status = fleet("status", "-o", "json", environ=hub.environ)
        assert json.loads(status.stdout)["agents"] == []
        assert json.loads((home / "hub.json").read_text())["url"].startswith("https://127.0.0.1:")
        content = os.urandom(2 * 2**20)
        path = f"/v1/blobs/{digest_of(content)}?context=01KZZZZZZZZZZZZZZZZZZZZZZZ&group=red"
        assert hub.ask(path, token, "PUT", content) == 201
        before = hub.serial()
        Authority(home).issue_http(["localhost", "127.0.0.1", "::1", "hub.lan"], time.time())
        wait_until(lambda: hub.serial() != before, what="the new certificate")
        silent = [socket.create_connection(("127.0.0.1", hub.port), 20) for _ in range(200)]
        try:
            assert hub.ask("/healthz") == 200, "beside handshakes that never end"
        finally:
            for one in silent:
                one.close()
    assert "Traceback" not in (home / "serve.log").read_text()


def test_plain_http_is_served_where_somebody_says_so(home: Path, broker: Mosquitto) -> None:
    Authority(home).create(time.time())
    hub = SecuredHub(home, broker, FLEET_HTTP_PLAIN="true")

    def asks() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    hub._is_ready = asks  # type: ignore[method-assign]
    with hub.serving():
        assert asks()
    assert not (home / "ca/http.pem").exists()
