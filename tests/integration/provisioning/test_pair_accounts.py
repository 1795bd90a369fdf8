"""Accounts at two real brokers: made at both, made up where one was away, ended at both."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.provisioning.mosquitto import find_program
from fleet.settings import load
from fleet.settings_text import settings_with
from tests.support.broker import free_port
from tests.support.provisioned import ProvisionedBroker
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)


class Second:
    """The broker that `fleet broker config --standby` wrote."""

    def __init__(self, first: ProvisionedBroker, folder: Path) -> None:
        self.folder = folder
        self.local, self.tls = free_port(), free_port()
        self.first = first
        self._process: subprocess.Popen[bytes] | None = None

    def fleet(self, *words: str) -> subprocess.CompletedProcess[str]:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("FLEET_")}
        return subprocess.run(
            [sys.executable, "-m", "fleet", *words],
            env=environ | {"FLEET_HOME": str(self.first.home), "COLUMNS": "200"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def write(self) -> None:
        done = self.fleet(
            "broker", "config", "--standby", str(self.folder), "--name", "localhost",
            "--local-port", str(self.local), "--tls-port", str(self.tls), "--mtls-port", "0",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        file = self.first.home / "fleet.toml"
        both = f"{self.first.settings.broker},mqtts://zephyr@localhost:{self.tls}"
        file.write_text(
            settings_with(file.read_text(), {("broker",): both, ("ca_file",): "ca/ca.pem"})
        )

    def start(self) -> None:
        config = self.folder / "broker" / "mosquitto.conf"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([find_program(), "-c", config], stdout=log, stderr=log)
        wait_until(self._listens, what="the second broker")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.tls), 1):
            return True
        return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Second]:
    first = ProvisionedBroker(tmp_path).start()
    made = Second(first, tmp_path / "second")
    made.write()
    made.start()
    yield made
    made.stop()
    first.stop()


def test_what_one_broker_missed_is_said_and_made_up(second: Second) -> None:
    assert "too" in second.fleet("agent", "add", "alpha").stderr
    told = second.fleet("agent", "add", "beta", "-o", "json")
    assert f"localhost:{second.tls}" in told.stdout
    assert second.fleet("broker", "accounts").returncode == 0

    second.stop()
    added = second.fleet("agent", "add", "gamma")
    assert added.returncode == 0
    assert f"gamma waits for mqtts://zephyr@localhost:{second.tls}" in added.stderr
    revoked = second.fleet("agent", "revoke", "alpha")
    assert revoked.returncode == 3
    assert f"at mqtts://zephyr@localhost:{second.tls}" in revoked.stderr

    second.start()
    compared = second.fleet("broker", "accounts")
    assert compared.returncode == 1
    assert "gamma    missing" in compared.stdout
    assert "alpha    ended, and still in force" in compared.stdout
    doctor = second.fleet("doctor").stdout
    assert "gamma is missing at" in doctor
    assert doctor.count("a bridge to another broker is up") == 2

    mended = second.fleet("broker", "accounts", "--repair")
    assert mended.returncode == 0, mended.stdout
    assert second.fleet("broker", "accounts").returncode == 0
    assert not [path for path in (second.first.home / "broker/owed").rglob("*") if path.is_file()]
    assert second.fleet("agent", "revoke", "alpha").returncode == 0
    proven = second.fleet("acl", "test")
    assert proven.returncode == 0, proven.stdout


def test_the_bridge_may_pass_the_fleets_topics_and_nothing_else(second: Second) -> None:
    file = second.folder / "broker" / "dynamic-security.json"
    assert "zephyr-bridge" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert load({"home": str(second.first.home)}, {}).standbys
    assert second.fleet("acl", "test").returncode == 0
