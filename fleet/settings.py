"""Settings of every `fleet` program: flags > environment (`FLEET_*`) > `fleet.toml` > default.

The sidecar reads its own few from `agent.env` and knows nothing of this module.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import ConfigError
from fleet.contract.limits import DEFAULT_INTERVAL, MAX_INTERVAL, MIN_INTERVAL
from fleet.contract.secret_file import read_secret
from fleet.contract.topics import DEFAULT_MANAGER, DEFAULT_PREFIX, Topics

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


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, parsed; `origins` says where each came from (for `fleet config show`)."""

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
        ConfigError: a value is not usable, or the file has an unknown key.
    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    home_text = given.get("home") or environ.get("FLEET_HOME") or _BY_NAME["home"].default
    home = Path(home_text).expanduser()
    file = home / FILE_NAME
    document = _read_file(file)
    values: dict[str, str] = {}
    origins: dict[str, tuple[str, str]] = {}
    for setting in SETTINGS:
        for source, value in (
            (f"--{setting.name.replace('_', '-')}", given.get(setting.name)),
            (setting.variable, environ.get(setting.variable)),
            (str(file), document.get(setting.name)),
            ("default", setting.default),
        ):
            if value is not None and (value != "" or source == "default"):
                values[setting.name] = str(value)
                origins[setting.name] = (str(value), source)
                break
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    return _parse(values, home, tables, origins)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            document = tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML", str(error), f"mend {path}") from None
    allowed = _BY_NAME.keys() - {"home"}  # a file cannot say where it lies
    unknown = [k for k, v in document.items() if k not in allowed and not isinstance(v, dict)]
    if unknown:
        known = ", ".join(name for name in _BY_NAME if name in allowed)
        raise ConfigError(f"{path} has an unknown setting {unknown[0]!r}", "", f"one of: {known}")
    return document


def _parse(
    values: Mapping[str, str],
    home: Path,
    tables: Mapping[str, Any],
    origins: Mapping[str, tuple[str, str]],
) -> Settings:
    def path(name: str) -> Path | None:
        return Path(values[name]).expanduser() if values[name] else None

    try:
        topics = Topics(values["prefix"], values["manager"])
    except ValueError as error:
        remedy = "FLEET_PREFIX=fleet FLEET_MANAGER=zephyr"
        raise ConfigError("prefix or manager is not usable", str(error), remedy) from None
    host, port = _bind(values["http"])
    return Settings(
        home=home,
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
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.password):
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
