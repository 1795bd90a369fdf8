"""The broker's production configuration."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fleet.bus.connection import IN_FLIGHT
from fleet.bus.local_broker import LIMITS
from fleet.contract.errors import ConfigError
from fleet.provisioning.mosquitto import (
    Plan,
    check_ports,
    configuration,
    find_plugin,
    plan_of,
    reload,
)
from fleet.settings import load

ROOT = Path(__file__).parents[3]
EXAMPLE = Plan(
    Path("/var/lib/fleet"),
    names=("broker.example.org", "localhost", "127.0.0.1"),
    bind="0.0.0.0",  # noqa: S104 - a text, nothing is bound
    mtls_port=8884,
)
PLUGIN = Path("/usr/lib/mosquitto_dynamic_security.so")


def test_the_committed_example_is_what_the_program_writes() -> None:
    committed = (ROOT / "mosquitto" / "production.conf").read_text()
    assert committed == configuration(EXAMPLE, PLUGIN, "mosquitto")


def test_nobody_is_let_in_without_an_account() -> None:
    lines = configuration(EXAMPLE, PLUGIN, "mosquitto").splitlines()
    assert "allow_anonymous false" in lines
    assert "per_listener_settings false" in lines
    assert not [line for line in lines if line.startswith(("acl_file", "password_file"))]


def test_the_plain_listener_is_on_loopback_wherever_the_others_are() -> None:
    lines = configuration(EXAMPLE, PLUGIN, "mosquitto").splitlines()
    assert "listener 1883 127.0.0.1" in lines
    assert "listener 8883 0.0.0.0" in lines


def test_a_port_of_0_leaves_a_listener_out() -> None:
    plan = Plan(Path("/h"), local_port=0, tls_port=0)
    assert "\nlistener" not in configuration(plan, PLUGIN, "mosquitto")


def test_certificates_are_user_name_and_client_id() -> None:
    text = configuration(EXAMPLE, PLUGIN, "mosquitto")
    mtls = text[text.index("listener 8884") :]
    for line in (
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "crlfile /var/lib/fleet/ca/crl.pem",
    ):
        assert f"\n{line}\n" in mtls


def test_the_plan_comes_from_the_settings_table(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('[mosquitto]\nnames = ["b.example"]\ntls_port = 9883\n')
    plan = plan_of(load({"home": str(tmp_path)}, {}))
    assert (plan.names, plan.tls_port, plan.local_port) == (("b.example",), 9883, 1883)


@pytest.mark.parametrize("line", ['tls_port = "9883"', "colour = 1", "bind = 7"])
def test_a_table_that_is_not_usable_is_an_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "fleet.toml").write_text(f"[mosquitto]\n{line}\n")
    with pytest.raises(ConfigError, match=r"is not usable|is no key"):
        plan_of(load({"home": str(tmp_path)}, {}))


def test_the_plugin_is_found_below_a_folder_of_the_platform(tmp_path: Path) -> None:
    deep = tmp_path / "x86_64-linux-gnu"
    deep.mkdir()
    (deep / PLUGIN.name).touch()
    assert find_plugin([str(tmp_path)]) == deep / PLUGIN.name
    with pytest.raises(ConfigError, match="is not installed"):
        find_plugin([str(tmp_path / "nowhere")])


def test_a_taken_port_is_told_before_a_second_broker_removes_the_first_ones_pid_file() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}"):
            check_ports(Plan(Path("/h"), local_port=port, tls_port=0), "zephyr")
    check_ports(Plan(Path("/h"), local_port=port, tls_port=0), "zephyr")


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="no /proc says what a pid is")
def test_a_pid_file_that_a_killed_broker_left_signals_nobody_else(tmp_path: Path) -> None:
    plan = Plan(tmp_path)
    assert not reload(plan)
    plan.folder.mkdir()
    plan.pid_file.write_text(str(os.getpid()))
    assert not reload(plan)


@pytest.mark.parametrize("name", ["production", "accounts", "mosquitto"])
def test_each_broker_we_ship_queues_a_burst_and_sends_as_much_as_the_hub_takes(name: str) -> None:
    text = (ROOT / "mosquitto" / f"{name}.conf").read_text()
    lines = dict(line.split(" ", 1) for line in text.splitlines() if line and line[0] != "#")
    assert lines["max_inflight_messages"] == str(IN_FLIGHT)
    assert lines["max_queued_messages"] in ("0", "1000000")
    for line in LIMITS:
        key, value = line.split()
        assert key == "max_queued_messages" or lines[key] == value
