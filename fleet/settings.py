"""Settings of every `fleet` program: flags > environment (`FLEET_*`) > `fleet.toml` > default.

`${NAME}` in the file, and in the environment's settings, is a variable of the environment.

The sidecar reads its own few from `agent.env` and knows nothing of this module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import ConfigError
from fleet.contract.limits import DEFAULT_INTERVAL, MAX_INTERVAL, MIN_INTERVAL
from fleet.contract.secret_file import read_secret
from fleet.contract.topics import DEFAULT_MANAGER, DEFAULT_PREFIX, Topics
from fleet.contract.variables import Variables
from fleet.contract.web_address import refuse_login
from fleet.settings_file import SettingsFile

FILE_NAME: Final = "fleet.toml"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name in `fleet.toml`, its default and what it means."""

    name: str
    default: str
    meaning: str

    @property
    def variable(self) -> str:
        return f"FLEET_{self.name.upper()}"


SETTINGS: Final = (
    Setting("home", "~/.fleet", "state directory: store, keys, captures, reports"),
    Setting("broker", "mqtt://127.0.0.1:1883", "mqtt:// or mqtts://[user@]host[:port]"),
    Setting("password_file", "", "0600 file with the hub's broker password"),
    Setting("ca_file", "", "CA certificate for mqtts://; empty: the system's"),
    Setting("cert_file", "", "client certificate for mTLS"),
    Setting("key_file", "", "private key of the client certificate, 0600"),
    Setting("http", "127.0.0.1:8088", "where the hub serves HTTP and /metrics"),
    Setting("hub", "", "a hub elsewhere to ask, as https://host:8088; empty: this home's"),
    Setting("hub_token_file", "", "0600 file with a token for it, of `fleet token create`"),
    Setting("interval", str(DEFAULT_INTERVAL), "seconds between bus heartbeats when unsaid"),
    Setting("max_agents", "1000", "agents taken in while no list says who belongs to the fleet"),
    Setting("prefix", DEFAULT_PREFIX, "first topic level of every agent"),
    Setting("manager", DEFAULT_MANAGER, "topic level and account of the hub"),
    Setting("adr", "", "folder with the deployment's own ADRs (amendments)"),
)
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
_IN_FILE: Final = tuple(name for name in _BY_NAME if name != "home")
"""A file cannot say where it lies."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, parsed; `origins` says where each came from (for `fleet config show`), and
    what was written there: with `${NAME}`."""

    home: Path
    broker: BrokerUrl
    http_host: str
    http_port: int
    interval: float
    max_agents: int
    topics: Topics
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    adr: Path | None = None
    hub: str = ""
    hub_token_file: Path | None = None
    tables: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def password(self) -> str | None:
        """The broker password, or None where none is configured.

        Raises:
            ConfigError: the file cannot be read or others may read it.
        """
        return None if self.password_file is None else read_secret(self.password_file)

    def added_words(self) -> dict[str, tuple[str, ...]]:
        """The words that the deployment's accepted ADRs add, by vocabulary."""
        from fleet.contract.amendments import read_folder

        return read_folder(self.adr) if self.adr else {}


def load(
    flags: Mapping[str, str | None] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Settings from flags, environment, `fleet.toml` in the home, and defaults.

    Raises:
        ConfigError: a value is not usable, or the file has an unknown table or key.
    """
    variables, texts, file, origins = _read(flags, environ)
    for fault in file.faults(_IN_FILE):
        raise fault
    try:
        values = {name: text() for name, text in texts.items()}
        return _parse(values, file.tables(variables), origins)
    except ConfigError as error:
        raise variables.hide(error) from None


def problems(
    flags: Mapping[str, str | None] | None = None, environ: Mapping[str, str] | None = None
) -> list[ConfigError]:
    """Everything that `load` would raise, one after the other; none: it loads."""
    try:
        variables, texts, file, _ = _read(flags, environ)
    except ConfigError as error:
        return [error]
    found = list(file.faults(_IN_FILE))
    values: dict[str, str] = {}
    for name, text in texts.items():
        try:
            values[name] = text()
            if name in _PARSERS:
                _PARSERS[name](values[name])
        except ConfigError as error:
            found.append(variables.hide(error))
    if found:
        return found
    try:
        _parse(values, file.tables(variables), {})
    except ConfigError as error:
        return [variables.hide(error)]
    return []


def _read(
    flags: Mapping[str, str | None] | None, environ: Mapping[str, str] | None
) -> tuple[Variables, dict[str, Callable[[], str]], SettingsFile, dict[str, tuple[str, str]]]:
    """Variables, each setting's text once its variables are put in, the file, and the origins.

    Raises:
        ConfigError: the file cannot be read, or is not TOML.
    """
    environ = os.environ if environ is None else environ
    variables = Variables(environ)
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    home = given.get("home") or variables.expand(
        environ.get("FLEET_HOME", ""), "FLEET_HOME in the environment"
    )
    home = home or _BY_NAME["home"].default
    file = SettingsFile(_home(home) / FILE_NAME)
    texts: dict[str, Callable[[], str]] = {}
    origins: dict[str, tuple[str, str]] = {}
    for setting in SETTINGS:
        name = setting.name
        for source, place, value in (
            (f"--{name.replace('_', '-')}", "", given.get(name)),
            (setting.variable, f"{setting.variable} in the environment",
             environ.get(setting.variable)),
            (str(file.path), file.where(name), file.document.get(name)),
            ("default", "", setting.default),
        ):  # fmt: skip
            if value is not None and (value != "" or source == "default"):
                text = str(value)
                texts[name] = (
                    partial(variables.expand, text, place) if place else partial(str, text)
                )
                origins[name] = (text, source)
                break
    return variables, texts, file, origins


def _home(text: str) -> Path:
    return _path("home", text) or Path()


def _path(name: str, text: str) -> Path | None:
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:  # ~NAME, or ~ of somebody without a home
        why = "there is no such home"
        raise ConfigError(f"{name} is not usable", why, f"{name} = /PATH") from None


def _parse(
    values: Mapping[str, str],
    tables: Mapping[str, Any],
    origins: Mapping[str, tuple[str, str]],
) -> Settings:
    def path(name: str) -> Path | None:
        return _path(name, values[name])

    try:
        topics = Topics(values["prefix"], values["manager"])
    except ValueError as error:
        remedy = "FLEET_PREFIX=fleet FLEET_MANAGER=zephyr"
        raise ConfigError("prefix or manager is not usable", str(error), remedy) from None
    host, port = _bind(values["http"])
    return Settings(
        home=_home(values["home"]),
        broker=BrokerUrl.parse(values["broker"]),
        http_host=host,
        http_port=port,
        interval=_interval(values["interval"]),
        max_agents=_max_agents(values["max_agents"]),
        topics=topics,
        password_file=path("password_file"),
        ca_file=path("ca_file"),
        cert_file=path("cert_file"),
        key_file=path("key_file"),
        adr=path("adr"),
        hub=_hub(values["hub"]),
        hub_token_file=path("hub_token_file"),
        tables=tables,
        origins=origins,
    )


def _hub(text: str) -> str:
    remedy = "FLEET_HUB=https://…, and a token of the hub in FLEET_HUB_TOKEN_FILE"
    refuse_login(text, "the address of the hub", remedy)
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ConfigError(
            f"hub {text!r} is not usable", "it is not http(s)://host[:port]", "FLEET_HUB=https://…"
        )
    return text.rstrip("/")


def _bind(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and int(port) <= 65_535:
        return host.strip("[]") or "127.0.0.1", int(port)
    raise ConfigError(
        f"http address {text!r} is not usable", "it is not host:port", "FLEET_HTTP=127.0.0.1:8088"
    )


def _max_agents(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        why = "it is not a whole number from 1 on"
        raise ConfigError(f"max_agents {text!r} is not usable", why, "FLEET_MAX_AGENTS=1000")
    return int(text)


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        why = f"not a number of seconds from {MIN_INTERVAL} to {MAX_INTERVAL}"
        raise ConfigError(f"interval {text!r} is not usable", why, "FLEET_INTERVAL=600")
    return seconds


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "broker": BrokerUrl.parse,
    "http": _bind,
    "hub": _hub,
    "interval": _interval,
}
"""What judges a setting by itself."""
