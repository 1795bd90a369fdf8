"""The hub's password goes to the broker of its home, whoever else listens on that port."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.contract.secret_file import read_password
from tests.support.broker import Mosquitto, free_port
from tests.support.certificates import TestAuthority
from tests.support.provisioned import ProvisionedBroker
from tests.support.served import environment, fleet

CALLS = (("serve",), ("doctor",), ("agent", "add", "alpha"))


class Stranger:
    """Takes connections, says that they are welcome, and writes down what it is told."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.heard = b""
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            with visitor:
                try:
                    taken = self._context.wrap_socket(visitor, True) if self._context else visitor
                    taken.settimeout(5)
                    self.heard += taken.recv(4096)
                    taken.sendall(b"\x20\x02\x00\x00")
                    self.heard += taken.recv(4096)
                except OSError:
                    pass

    def close(self) -> None:
        self._socket.close()


@contextmanager
def strangers(*made: Stranger) -> Iterator[None]:
    try:
        yield
    finally:
        for one in made:
            one.close()


@pytest.mark.parametrize("tls", [False, True])
def test_a_stranger_in_the_brokers_place_never_hears_the_password(
    tmp_path: Path, tls: bool
) -> None:
    broker = ProvisionedBroker(tmp_path)
    plain = Stranger(broker.plan.local_port)
    others = [plain]
    if tls:  # with a certificate of somebody else's CA
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority = TestAuthority(tmp_path / "theirs")
        pem = authority.issue("server")
        context.load_cert_chain(pem, pem.with_suffix(".key"))
        others.append(Stranger(broker.plan.tls_port, context))
    with strangers(*others):
        for call in CALLS[1:] if tls else CALLS:
            done = fleet(*call, environ=environment(broker.home))
            said = done.stdout + done.stderr
            expected = "is not the one of this home" if tls else "would show its certificate"
            assert expected in said, (call, said)
            assert done.returncode in (2, 3)
    secrets = [read_password(p) for p in (broker.plan.hub_password, broker.plan.admin_password)]
    assert not [one for one in secrets if one.encode() in b"".join(s.heard for s in others)]
    broker.start()
    try:
        assert fleet("status", environ=environment(broker.home)).returncode == 0
    finally:
        broker.stop()


def test_a_password_of_the_settings_goes_to_no_broker_that_a_flag_names(tmp_path: Path) -> None:
    broker = ProvisionedBroker(tmp_path)
    stranger = Stranger(free_port())
    url = f"mqtt://zephyr@127.0.0.1:{stranger._socket.getsockname()[1]}"
    with strangers(stranger):
        for how, environ in ((("--broker", url), {}), ((), {"FLEET_BROKER": url})):
            done = fleet("doctor", *how, environ=environment(broker.home, **environ))
            assert "is not sent to" in done.stdout
            assert "FLEET_PASSWORD_FILE" in done.stdout
        assert stranger.heard == b""
        given = tmp_path / "given"
        given.write_text("for-the-stranger")
        given.chmod(0o600)
        more = {"FLEET_BROKER": url, "FLEET_PASSWORD_FILE": str(given)}
        fleet("doctor", environ=environment(broker.home, **more))
    assert b"for-the-stranger" in stranger.heard
    secrets = [read_password(p) for p in (broker.plan.hub_password, broker.plan.admin_password)]
    assert not [one for one in secrets if one.encode() in stranger.heard]


def test_what_is_said_of_a_taken_port_changes_all_that_names_it(tmp_path: Path) -> None:
    broker = ProvisionedBroker(tmp_path)
    settings = broker.home / "fleet.toml"
    other = Mosquitto(tmp_path / "other")
    other.port = broker.plan.local_port
    other.start()
    try:
        refused = fleet("broker", "up", environ=environment(broker.home))
        found = re.search(r'(broker = "\S+") and under \[mosquitto\] (local_port = (\d+))',
                          refused.stderr)  # fmt: skip
        assert found, refused.stderr
        line, table, port = found.groups()
        text = re.sub(r"^local_port = .*$", table, settings.read_text(), flags=re.MULTILINE)
        settings.write_text(text)
        half = fleet("status", environ=environment(broker.home))
        assert "fleet.toml says port" in half.stderr
        assert f"Try: {line}" in half.stderr
        settings.write_text(re.sub(r"^broker = .*$", line, text, flags=re.MULTILINE))
        written = fleet("broker", "config", "--write", environ=environment(broker.home))
        assert written.returncode == 0, written.stderr
        ours = ProvisionedBroker.at(broker.home)
        assert ours.plan.local_port == int(port)
        ours.start()
        try:
            assert fleet("status", environ=environment(broker.home)).returncode == 0
        finally:
            ours.stop()
    finally:
        other.stop()


def test_a_port_of_http_that_is_named_instead_of_a_taken_one_is_free(tmp_path: Path) -> None:
    first = free_port()
    with socket.create_server(("127.0.0.1", first)), socket.socket() as second:
        try:
            second.bind(("127.0.0.1", first + 1))
            second.listen()
        except OSError:
            pass  # somebody else has it: as good
        environ = environment(tmp_path, FLEET_HTTP=f"127.0.0.1:{first}")
        said = fleet("serve", environ=environ).stderr
        (port,) = re.findall(r"Try: FLEET_HTTP=127.0.0.1:(\d+)", said)
        assert int(port) > first + 1
        socket.create_server(("127.0.0.1", int(port))).close()
