"""`fleet.toml`: nothing in it is passed over, and what the environment holds may be named in it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.notifier import routes
from fleet.provisioning.mosquitto import TABLE, Plan
from fleet.settings import load, problems
from fleet.settings_tables import BY_NAME
from fleet.store.retention import Retention


def home(folder: Path, text: str, **more: str) -> dict[str, str]:
    (folder / "fleet.toml").write_text(text)
    return {"FLEET_HOME": str(folder), **more}


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("intervall = 5", "intervall in line 1 of {} is no setting", "interval"),
        ("\n[route.x]\nurl = 'x'", "[route] in line 2 of {} is no table", "[routes]"),
        ("[[route]]\nurl = 'x'", "[route] in line 1 of {} is no table", "[routes]"),
        ("[retentions]\nraw = 1", "[retentions] in line 1 of {} is no table", "[retention]"),
        ("[audit]\nkeep_day = 1", "[audit] keep_day in line 2 of {} is no key", "keep_days"),
        ("[routes.a]\nurl_fil = 'x'", "[routes.a] url_fil in line 2 of {} is no key", "url_file"),
        ("[otel]\nend_point = 'x'", "[otel] end_point in line 2 of {} is no key", "endpoint"),
        ("[zzz]\na = 1", "[zzz] in line 1 of {} is no table", "one of: routes, "),
        ("[audit]\nkeep_days = '9'", "[audit] keep_days in line 2 of {} is not", "keep_days = 7"),
        ("[audit]\nkeep_days = inf", "[audit] keep_days in line 2 of {} is not", "keep_days = 7"),
        ("[audit]\nevery_days = true", "[audit] every_days in line 2 of {} is", "every_days = 7"),
        ("[otel]\nmetrics_every = 'x'", "[otel] metrics_every in line 2 of {}", "metrics_every ="),
        ("[http_service]\nhosts = 'x'", "[http_service] hosts in line 2 of {}", 'hosts = ["…"]'),
        ("[http_service]\nhosts = [1]", "[http_service] hosts in line 2 of {}", 'hosts = ["…"]'),
        ("[mosquitto]\ntls_port = 70000", "[mosquitto] tls_port in line 2 of {}", "tls_port ="),
        ("routes = {a = 1}", "[routes] a in {} is not usable", "[routes.NAME]"),
        ("retention = 5", "retention in line 1 of {} is no setting", "one of: "),
        ("adr = true", "adr in line 1 of {} is not usable", 'adr = "…"'),
        ("password_file = ['x']", "password_file in line 1 of {} is not usable", "password_file"),
        ("broker = '${NO}'", "${NO} in broker in line 1 of {} has no value", "export NO="),
        ("broker = '${no}'", "broker in line 1 of {} is not usable", "write ${NAME}"),
        ("broker = '${NO:-x}'", "broker in line 1 of {} is not usable", "write ${NAME}"),
        ("[routes.a]\nurl = '${NO}'", "${NO} in [routes.a] url in line 2 of {}", "export NO="),
        ("[http_service]\nhosts = ['${NO}']", "${NO} in [http_service] hosts in line 2 of {}",
         "export NO="),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_line_and_key(
    tmp_path: Path, text: str, what: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as found:
        load(environ=home(tmp_path, text, NO=""))
    assert found.value.what.startswith(what.replace("{}", str(tmp_path / "fleet.toml")))
    assert found.value.remedy.startswith(remedy)


def test_the_environment_stands_where_it_is_named(tmp_path: Path) -> None:
    text = (
        "broker = 'mqtt://${HOST}:1${PORT}'\n"
        "[http_service]\nhosts = ['${HOST}', 'b']\n"
        "[routes.a]\nchannel = 'webhook'\nurl = 'https://x/${WORD}'\nsecret_file = 'x'\n"
    )
    environ = home(tmp_path, text, HOST="h.example", PORT="883", WORD="t-${HOST}")
    settings = load(environ=environ)
    assert str(settings.broker) == "mqtt://h.example:1883"
    assert settings.tables["http_service"]["hosts"] == ["h.example", "b"]
    assert settings.tables["routes"]["a"]["url"] == "https://x/t-${HOST}", "looked into once"
    assert settings.origins["broker"][0] == "mqtt://${HOST}:1${PORT}", "what is shown"


def test_a_setting_from_the_environment_may_name_another(tmp_path: Path) -> None:
    environ = home(tmp_path, "", FLEET_BROKER="mqtt://${HOST:?}", HOST="h.example")
    assert load(environ=environ).broker.host == "h.example"
    del environ["HOST"]
    with pytest.raises(ConfigError, match="FLEET_BROKER in the environment has no value"):
        load(environ=environ)


def test_a_flag_is_taken_as_it_is(tmp_path: Path) -> None:
    settings = load({"adr": "${X}"}, environ=home(tmp_path, ""))
    assert str(settings.adr) == "${X}"


def test_a_variable_that_a_better_source_makes_needless_is_not_missed(tmp_path: Path) -> None:
    environ = home(tmp_path, "broker = 'mqtt://${NO}'\n", FLEET_BROKER="mqtt://b")
    assert load(environ=environ).broker.host == "b"


@pytest.mark.parametrize("name", ["broker", "http", "interval", "hub", "prefix"])
def test_what_a_variable_holds_shows_in_no_error(tmp_path: Path, name: str) -> None:
    environ = home(tmp_path, f"{name} = '${{SOME}}'\n", SOME="hunter2 \\'\"+/#")
    with pytest.raises(ConfigError) as found:
        load(environ=environ)
    told = "".join(map(str, [found.value, *problems(environ=environ)]))
    assert "hunter2" not in told


def test_a_home_of_somebody_who_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="password_file is not usable"):
        load(environ=home(tmp_path, "password_file = '~nobody-of-that-name/x'\n"))


def test_everything_is_told_at_once(tmp_path: Path) -> None:
    text = "intervall = 5\nhttp = 'x'\nbroker = '${NO}'\n[route.x]\na = 1\n[audit]\nb = 1\n"
    found = [error.what for error in problems(environ=home(tmp_path, text))]
    for part in ("intervall", "http address", "${NO}", "[route]", "[audit] b"):
        assert sum(what.startswith(part) for what in found) == 1, (part, found)
    assert problems(environ=home(tmp_path, "")) == []


def test_each_table_has_the_keys_that_its_reader_takes() -> None:
    def keys(name: str) -> set[str]:
        return {key.name for key in BY_NAME[name].keys}

    assert keys("retention") == {field.name for field in fields(Retention)}
    assert keys(TABLE) == Plan(Path()).table().keys()
    assert keys("routes") == set(routes._KEYS)
