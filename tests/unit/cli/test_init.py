"""One way in: which broker is said or asked, never guessed, and what follows is said."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from fleet.cli.main import fleet
from fleet.contract.errors import ConfigError, FleetError
from fleet.provisioning.registry import Registry
from fleet.settings import load

NATS = ("--broker", "mqtt://zephyr@127.0.0.1:1", "--kind", "nats")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def call(home: Path, *words: str, typed: str = "") -> Result:
    environ = {"FLEET_HOME": str(home)}
    runner = CliRunner()
    done = runner.invoke(fleet, list(words), env=environ, input=typed, standalone_mode=False)
    if isinstance(done.exception, FleetError):
        raise done.exception
    return done


def settings(home: Path) -> dict[str, Any]:
    return tomllib.loads((home / "fleet.toml").read_text())


def test_without_a_terminal_it_says_which_flags_to_give(home: Path) -> None:
    with pytest.raises(ConfigError, match="which broker is not said") as caught:
        call(home, "init")
    for flag in ("--own-broker", "--broker URL", "--embedded"):
        assert flag in caught.value.remedy
    assert not home.exists()


def test_what_the_broker_is_and_who_its_admin_is_are_asked_for_too(home: Path) -> None:
    running = ("init", "--broker", "mqtt://127.0.0.1:1")
    with pytest.raises(ConfigError, match="--kind mosquitto"):
        call(home, *running)
    with pytest.raises(ConfigError, match="--admin ACCOUNT"):
        call(home, *running, "--kind", "mosquitto")
    assert not home.exists()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("\n", ("mqtt://zephyr@127.0.0.1:1883", None)),
        ("2\nmqtt://zephyr@nats.lan:1883\nnats\n", ("mqtt://zephyr@nats.lan:1883", "nats")),
        ("3\n", ("mqtt://127.0.0.1:1883", "embedded")),
    ],
)
def test_at_a_terminal_it_asks(
    home: Path, monkeypatch: pytest.MonkeyPatch, typed: str, expected: tuple[str, str | None]
) -> None:
    monkeypatch.setattr("fleet.cli.init.at_terminal", lambda: True)
    said = call(home, "init", typed=typed).output
    document = settings(home)
    assert (document["broker"], document.get("broker_kind")) == expected
    assert "next: fleet" in said


@pytest.mark.parametrize(
    "words",
    [("--own-broker",), ("--embedded",), ("--broker", "mqtt://h:1", "--kind", "emqx")],
    ids=lambda words: words[0],
)
def test_again_it_changes_nothing_and_something_else_is_refused(
    home: Path, words: tuple[str, ...]
) -> None:
    call(home, "init", *words)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert "everything is there already" in call(home, "init").output
    call(home, "init", *words)
    others = {("--own-broker",), ("--embedded",), ("--broker", "mqtt://other:1")}
    for other in others - {words}:
        with pytest.raises(ConfigError, match="says otherwise"):
            call(home, "init", *other)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_what_stands_in_the_settings_already_stays(home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "fleet.toml").write_text("interval = 60  # seconds\n")
    call(home, "init", "--own-broker", "--local-port", "21883")
    assert "interval = 60  # seconds" in (home / "fleet.toml").read_text()
    assert settings(home)["mosquitto"]["local_port"] == 21883


def test_password_and_ca_of_a_running_broker_are_of_the_home_from_then_on(
    home: Path, tmp_path: Path
) -> None:
    for name, text in (("pass", "geheim\n"), ("ca.pem", "a certificate")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    call(home, "init", "--broker", "mqtts://zephyr@broker:8883", "--kind", "other",
         "--password-file", str(tmp_path / "pass"), "--ca-file", str(tmp_path / "ca.pem"),
         "--agent-broker", "mqtts://outside:8883")  # fmt: skip
    for name in ("pass", "ca.pem"):
        (tmp_path / name).unlink()
    found = load({"home": str(home)}, {})
    assert found.password() == "geheim"
    assert call(home, "home", "check").return_value == 0
    added = json.loads(call(home, "agent", "add", "alpha", "-o", "json").stdout)
    assert added["env"]["FLEET_BROKER"] == "mqtts://alpha@outside:8883"
    assert added["files"]["fleet/ca.pem"] == "a certificate"
    assert added["files"]["fleet/commands.pub"] == (home / "keys/commands.pub").read_text()
    assert "may publish   fleet/alpha/heartbeat" in added["at_broker"]


@pytest.mark.parametrize("kind", ["nats", "emqx", "other"])
def test_where_you_make_the_accounts_an_agent_is_added_and_what_it_needs_is_said(
    home: Path, kind: str
) -> None:
    call(home, "init", "--broker", "mqtt://zephyr@127.0.0.1:1", "--kind", kind)
    said = call(home, "agent", "add", "alpha").output
    assert "its account is for you to make" in said
    assert "# first, at the broker" in said
    join = next(line for line in said.splitlines() if line.startswith("agent-sidecar join fleet1."))
    assert said.splitlines().index(join) > said.splitlines().index("# first, at the broker")
    assert "without Python" not in said
    assert set(Registry(home).agents() or {}) == {"alpha"}
    with pytest.raises(ConfigError, match="the name alpha is taken"):
        call(home, "agent", "add", "alpha")
    with pytest.raises(ConfigError, match="no certificate"):
        call(home, "agent", "add", "beta", "--certificate")
    shown = call(home, "agent", "add", "gamma", "--show", "mcp", "--show", "compose").output
    assert shown.index("# compose.yaml") < shown.index("# MCP") < shown.index("agent-sidecar join")
    assert "# without Python" not in shown
    with pytest.raises(ConfigError, match="rotates no credential") as caught:
        call(home, "agent", "rotate", "alpha")
    assert "another password there" in caught.value.remedy
    with pytest.raises(ConfigError, match="with an agent's own account"):
        call(home, "acl", "test")
    with pytest.raises(ConfigError, match="has no broker to run"):
        call(home, "broker", "up")


def test_broker_up_makes_no_fleet_and_status_says_that_there_is_none(home: Path) -> None:
    with pytest.raises(ConfigError, match="nothing says which broker") as caught:
        call(home, "broker", "up")
    assert caught.value.remedy == "fleet init --own-broker"
    assert not home.exists()
    done = CliRunner().invoke(fleet, ["status"], env={"FLEET_HOME": str(home)})
    assert f"there is no home in {home}. Try: fleet init" in done.output


IMPOSSIBLE = [
    (("--own-broker", "--tls-port", "99999"), "the TLS port 99999 is not usable"),
    (("--own-broker", "--local-port", "-1"), "the local port -1 is not usable"),
    (("--own-broker", "--local-port", "0"), "a broker of this home needs a local port"),
    (("--own-broker", "--tls-port", "1883"), "the port 1883 is there twice"),
    (("--own-broker", "--mtls-port", "8883"), "the port 8883 is there twice"),
    (("--name", "a b"), "the broker name 'a b' is not usable"),
    (("--name", "::"), "the broker name '::' is not usable"),
    (("--name", "300.1.1.1"), "the broker name '300.1.1.1' is not usable"),
    (("--name", "ünter.lan"), "the broker name 'ünter.lan' is not usable"),
    (("--name", ""), "the broker name '' is not usable"),
    (("--name", "mqtts://h:8883"), "is not usable"),
    (("--bind", "300.1.1.1"), "the bind address '300.1.1.1' is not usable"),
    (("--bind", "eth0:1"), "the bind address 'eth0:1' is not usable"),
    (("--bind", ""), "the bind address '' is not usable"),
    (("--embedded", "--local-port", "99999"), "the port is not a number from 1 to 65535"),
    (("--embedded", "--bind", "127.0.0.1"), "--bind is for a broker of this home"),
    (("--embedded", "--name", "h"), "--name is for a broker of this home, and this is"),
    (("--embedded", "--tls-port", "1"), "--tls-port is for a broker of this home"),
    (("--embedded", "--password-file", "x"), "--password-file is for one that runs already"),
    (("--embedded", "--agent-broker", "mqtt://h"), "--agent-broker is for one that runs"),
    (("--own-broker", "--kind", "nats"), "--kind is for one that runs already"),
    (("--own-broker", "--ca-file", "x"), "--ca-file is for one that runs already"),
    (("--own-broker", "--key-passphrase-file", "/nofile"), "/nofile cannot be read"),
    ((*NATS, "--name", "h"), "--name is for a broker of this home"),
    ((*NATS, "--local-port", "1"), "--local-port is for a broker of this home or the embedded one"),
    ((*NATS, "--admin", "root"), "--admin is for Mosquitto"),
    ((*NATS, "--admin-password-file", "x"), "--admin-password-file is for Mosquitto"),
    ((*NATS, "--agent-broker", "http://h"), "the scheme is neither mqtt nor mqtts"),
    ((*NATS, "--password-file", "/nofile"), "/nofile cannot be read"),
    ((*NATS, "--ca-file", "/nofile"), "/nofile cannot be read"),
    (("--broker", "mqtt://h:1", "--kind", "mosquitto", "--admin", "root",
      "--admin-password-file", "/nofile"), "/nofile cannot be read"),
    (("--own-broker", "--embedded"), "exclude each other"),
    ((*NATS, "--embedded"), "exclude each other"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), IMPOSSIBLE, ids=lambda one: " ".join(one)[:40])
def test_what_cannot_be_is_refused_before_anything_is_written(
    home: Path, words: tuple[str, ...], said: str
) -> None:
    environ = {"FLEET_HOME": str(home)}
    done = CliRunner().invoke(fleet, ["init", *words], env=environ, standalone_mode=False)
    assert isinstance(done.exception, FleetError | click.UsageError), done.output
    assert said in str(done.exception)
    assert not home.exists(), list(home.rglob("*"))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("--embedded", "--local-port", "21883"), ("--local-port", "21884")),
        (NATS, ("--agent-broker", "mqtts://other:8883")),
        (NATS, (*NATS[:2], "--kind", "emqx")),
        (NATS, ("--prefix", "other")),
        (("--own-broker",), ("--tls-port", "8884")),
        (("--own-broker",), ("--manager", "root")),
    ],
)
def test_what_a_home_does_not_say_is_refused_there_and_not_passed_over(
    home: Path, first: tuple[str, ...], then: tuple[str, ...]
) -> None:
    call(home, "init", *first)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="says otherwise"):
        call(home, "init", *then)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_a_password_that_is_given_later_is_the_homes_from_then_on(
    home: Path, tmp_path: Path
) -> None:
    call(home, "init", *NATS)
    (tmp_path / "pass").write_text("new\n")
    (tmp_path / "pass").chmod(0o600)
    call(home, "init", "--password-file", str(tmp_path / "pass"))
    assert load({"home": str(home)}, {}).password() == "new"


def test_the_next_line_names_a_home_that_a_flag_named(home: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(fleet, ["init", "--embedded", "--home", str(home)], env={})
    assert f"next, with FLEET_HOME={home}: fleet broker up" in done.output


def test_a_broker_is_configured_only_where_the_home_has_one(home: Path) -> None:
    with pytest.raises(ConfigError, match="has no broker to configure"):
        call(home, "broker", "config", "--write")
    assert not home.exists()
    call(home, "init", *NATS)
    before = sorted(home.rglob("*"))
    with pytest.raises(ConfigError, match="has no broker to configure") as caught:
        call(home, "broker", "config", "--write")
    assert "its broker is mqtt://zephyr@127.0.0.1:1" in caught.value.why
    assert sorted(home.rglob("*")) == before
