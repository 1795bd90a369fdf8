"""Flags beat environment, environment beats file, file beats default; each origin is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.topics import Topics
from fleet.settings import SETTINGS, load


def test_defaults_are_usable_as_they_are(tmp_path: Path) -> None:
    settings = load(environ={"FLEET_HOME": str(tmp_path)})
    assert str(settings.broker) == "mqtt://127.0.0.1:1883"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8088)
    assert settings.interval == 600
    assert settings.topics == Topics()
    assert settings.password() is None
    assert settings.added_words() == {}
    assert {name: origin for name, (_, origin) in settings.origins.items()} == {
        setting.name: "FLEET_HOME" if setting.name == "home" else "default" for setting in SETTINGS
    }


def test_each_source_beats_the_next(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('broker = "mqtt://file"\nhttp = "127.0.0.1:1"\ninterval = 30\n')
    environ = {
        "FLEET_HOME": str(tmp_path),
        "FLEET_BROKER": "mqtt://environment",
        "FLEET_HTTP": "127.0.0.1:2",
    }
    settings = load({"broker": "mqtt://flag", "http": None}, environ)
    assert settings.broker.host == "flag"
    assert settings.http_port == 2
    assert settings.interval == 30
    assert settings.origins["broker"] == ("mqtt://flag", "--broker")
    assert settings.origins["http"] == ("127.0.0.1:2", "FLEET_HTTP")
    assert settings.origins["interval"] == ("30", str(file))


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    settings = load(environ={"FLEET_HOME": str(tmp_path), "FLEET_BROKER": "", "FLEET_ADR": ""})
    assert settings.broker.host == "127.0.0.1"
    assert settings.adr is None


def test_tables_are_left_for_the_services(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text("[retention]\nraw = 3\n")
    settings = load(environ={"FLEET_HOME": str(tmp_path)})
    assert settings.tables == {"retention": {"raw": 3}}


def test_prefix_and_manager_make_the_topics(tmp_path: Path) -> None:
    environ = {"FLEET_HOME": str(tmp_path), "FLEET_PREFIX": "ops", "FLEET_MANAGER": "hub"}
    assert load(environ=environ).topics == Topics("ops", "hub")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER", "http://x"),
        ("HTTP", "8088"),
        ("HTTP", "127.0.0.1:http"),
        ("HTTP", "127.0.0.1:65536"),
        ("INTERVAL", "soon"),
        ("INTERVAL", "0"),
        ("INTERVAL", "nan"),
        ("INTERVAL", "86401"),
        ("PREFIX", "a/b"),
        ("MANAGER", "fleet"),
    ],
)
def test_an_unusable_value_is_told_with_a_remedy(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError) as found:
        load(environ={"FLEET_HOME": str(tmp_path), f"FLEET_{name}": value})
    assert f"FLEET_{name}" in found.value.remedy


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("broker = ", "is not TOML"),
        ('brocker = "mqtt://x"', "brocker in line 1 of"),
        ('home = "elsewhere"', "home"),
        ("broker = true", "broker"),
        ("broker = [1]", "broker"),
        ("[broker]\nhost = 1", "broker"),
    ],
)
def test_a_bad_file_is_told(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "fleet.toml").write_text(text)
    with pytest.raises(ConfigError) as found:
        load(environ={"FLEET_HOME": str(tmp_path)})
    assert what in found.value.what


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError):
        load(environ={"FLEET_HOME": str(tmp_path)})


def test_a_home_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ConfigError):
        load(environ={"FLEET_HOME": str(tmp_path / "home")})


def test_the_password_is_read_from_a_private_file_only(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    environ = {"FLEET_HOME": str(tmp_path), "FLEET_PASSWORD_FILE": str(secret)}
    settings = load(environ=environ)
    secret.chmod(0o600)
    assert settings.password() == "correct horse"
    secret.chmod(0o640)
    with pytest.raises(ConfigError) as found:
        settings.password()
    assert found.value.remedy == f"chmod 600 {secret}"
    assert "horse" not in str(found.value)


def test_added_words_come_from_the_configured_folder(tmp_path: Path) -> None:
    (tmp_path / "gpu.md").write_text("---\nstatus: accepted\nadds: {planes: [gpu]}\n---\n")
    environ = {"FLEET_HOME": str(tmp_path), "FLEET_ADR": str(tmp_path)}
    assert load(environ=environ).added_words() == {"planes": ("gpu",)}


def test_a_path_in_the_file_begins_at_the_home_wherever_we_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "fleet.toml").write_text(
        'password_file = "broker/hub.password"\nca_file = "/etc/ca.pem"\nadr = "adr"\n'
    )
    monkeypatch.chdir(tmp_path)
    settings = load({"home": "home", "key_file": "mine.key"}, {})
    assert settings.password_file == Path("home/broker/hub.password")
    assert settings.ca_file == Path("/etc/ca.pem")
    assert settings.adr == Path("home/adr")
    assert settings.key_file == Path("mine.key"), "of a flag it begins where we stand"


def test_a_home_that_moved_finds_its_own_files(tmp_path: Path) -> None:
    from fleet.provisioning import home as homes
    from fleet.provisioning.mosquitto import Plan

    old, new = tmp_path / "old", tmp_path / "new"
    homes.create(Plan(old), load({"home": str(old)}, {}), 1.8e9)
    password = load({"home": str(old)}, {}).password()
    old.rename(new)
    assert load({"home": str(new)}, {}).password() == password
    assert str(old) not in (new / "fleet.toml").read_text()
