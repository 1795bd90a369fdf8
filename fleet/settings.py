"""Settings of every `fleet` program: flags > environment (`FLEET_*`) > `fleet.toml` > default.

`${NAME}` in the file, and in the environment's settings, is a variable of the environment. A path
in the file that is not absolute begins at the home, so that a home can be moved.

The sidecar reads its own few from `agent.env` and knows nothing of this module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from fleet import settings_values
from fleet.broker_kind import BrokerKind
from fleet.contract.broker_url import BrokerUrl, BrokerUrls
from fleet.contract.errors import ConfigError
from fleet.contract.limits import DEFAULT_INTERVAL
from fleet.contract.misspelt import misspelt, warning
from fleet.contract.secret_file import read_password
from fleet.contract.store_url import StoreUrl
from fleet.contract.topics import DEFAULT_MANAGER, DEFAULT_PREFIX, Topics
from fleet.contract.variables import Variables
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
    Setting(
        "broker", "mqtt://127.0.0.1:1883", "mqtt:// or mqtts://[user@]host[:port]; several by comma"
    ),
    Setting("broker_kind", "mosquitto", "mosquitto, nats, emqx, other, embedded: its accounts"),
    Setting("agent_broker", "", "where agents reach the broker, if not as the hub does"),
    Setting("password_file", "", "0600 file with the hub's broker password"),
    Setting("ca_file", "", "CA certificate for mqtts://; empty: the system's"),
    Setting("cert_file", "", "client certificate for mTLS"),
    Setting("key_file", "", "private key of the client certificate, 0600"),
    Setting("store", "", "postgresql://[user@]host/database of several hubs; empty: in the home"),
    Setting("store_password_file", "", "0600 file with the password of the store"),
    Setting("site", "", "this hub's site, where several with a broker each share FLEET_STORE"),
    Setting("http", "127.0.0.1:8088", "where the hub serves HTTP and /metrics"),
    Setting("http_plain", "false", "true: plain HTTP beyond this machine, as behind a proxy"),
    Setting("hub", "", "a hub elsewhere to ask, as https://host:8088; empty: this home's"),
    Setting("hub_token_file", "", "0600 file with a token for it, of `fleet token create`"),
    Setting(
        "interval",
        str(DEFAULT_INTERVAL),
        "seconds between bus heartbeats; who is enrolled may announce no less",
    ),
    Setting("max_agents", "1000", "agents taken in while no list says who belongs to the fleet"),
    Setting("prefix", DEFAULT_PREFIX, "first topic level of every agent"),
    Setting("manager", DEFAULT_MANAGER, "topic level and account of the hub"),
    Setting("adr", "", "folder with the deployment's own ADRs (amendments)"),
)
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
OTHERS: Final = frozenset(
    {"FLEET_AGENT", "FLEET_AGENT_ENV", "FLEET_TOKEN", "FLEET_TOKEN_FILE", "FLEET_DYNSEC_PLUGIN"}
)
"""Variables beside the settings that programs of ours read."""

PATHS: Final = (
    "password_file", "ca_file", "cert_file", "key_file", "hub_token_file", "store_password_file",
    "adr",
)  # fmt: skip
"""Settings that name a file or a folder; where `fleet.toml` says so, from the home on."""

_IN_FILE: Final = tuple(name for name in _BY_NAME if name != "home")
"""A file cannot say where it lies."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, parsed; `origins` says where each came from (for `fleet config show`), and
    what was written there: with `${NAME}`.

    Attributes:
        broker: the only one, or the first of several; `brokers` are all of them.
        standbys, agent_standbys: those after the first.
    """

    home: Path
    broker: BrokerUrl
    http_host: str
    http_port: int
    http_plain: bool
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
    broker_kind: BrokerKind = BrokerKind.MOSQUITTO
    agent_broker: BrokerUrl | None = None
    home_brokers: BrokerUrls | None = None
    """The brokers of the file, where a flag or a variable names others."""
    password_is_homes: bool = True
    """Whether `password_file` is what the home has for its own brokers."""
    store: StoreUrl | None = None
    store_password_file: Path | None = None
    standbys: tuple[BrokerUrl, ...] = ()
    agent_standbys: tuple[BrokerUrl, ...] = ()
    tables: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def site(self) -> str:
        """Which of several sites this is; empty: there are none."""
        return self.store.site if self.store else ""

    @property
    def brokers(self) -> BrokerUrls:
        """Where clients connect, in the order in which they try."""
        return BrokerUrls((self.broker, *self.standbys))

    @property
    def agent_brokers(self) -> BrokerUrls | None:
        """The same for agents, where it is said for them apart."""
        if self.agent_broker is None:
            return None
        return BrokerUrls((self.agent_broker, *self.agent_standbys))

    def at(self, broker: BrokerUrl) -> Settings:
        """The settings for work at one of the brokers alone."""
        return replace(self, broker=broker, standbys=())

    def at_each(self) -> list[Settings]:
        """The settings for each broker alone, in order."""
        return [self.at(broker) for broker in self.brokers.every]

    def password(self) -> str | None:
        """The broker password, or None where none is configured.

        Raises:
            ConfigError: the file cannot be read or others may read it; or as `refuse_strangers`.
        """
        if self.password_is_homes:
            self.refuse_strangers()
        return None if self.password_file is None else read_password(self.password_file)

    def refuse_strangers(self) -> None:
        """Before a password of this home is sent, the hub's or the admin's.

        Raises:
            ConfigError: another broker is to get it, which does not prove to be the home's.
        """
        if (own := self.home_brokers) is None:
            return
        known = {(one.host, one.port) for one in own.every}
        whose = own.first if own.every else "this home"
        for broker in self.brokers.every:
            if (broker.host, broker.port) in known or (broker.tls and self.ca_file):
                continue
            raise ConfigError(
                f"the password of {whose} is not sent to {broker}",
                f"{FILE_NAME} has it for that broker, and nothing proves that this is the same",
                f"FLEET_PASSWORD_FILE=FILE with the password for it; or broker in {FILE_NAME}",
            )

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
        settings = _parse(values, file.tables(variables), origins)
        return _with_home(settings, file, variables)
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
            if name in settings_values.PARSERS:
                settings_values.PARSERS[name](values[name])
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
    file = SettingsFile(settings_values.home_of(home) / FILE_NAME)
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
                if name in PATHS and source == str(file.path):
                    texts[name] = partial(_from_home, texts[name], file.path.parent)
                origins[name] = (text, source)
                break
    return variables, texts, file, origins


def _with_home(settings: Settings, file: SettingsFile, variables: Variables) -> Settings:
    ours, origins = str(file.path), settings.origins
    own = file.document.get("broker")
    if origins["broker"][1] == ours or not own:
        return settings
    homes = origins["password_file"][1] == ours
    try:
        brokers = BrokerUrls.parse(variables.expand(str(own), file.where("broker")))
    except ConfigError:  # a variable that is not needed here: nothing is known to be the home's
        if homes:
            raise
        brokers = BrokerUrls(())
    return replace(settings, home_brokers=brokers, password_is_homes=homes)


def _from_home(text: Callable[[], str], home: Path) -> str:
    """A path of the file: `~` and absolute ones stand for themselves."""
    path = text()
    return path if path.startswith("~") or not path else str(home / path)


def _parse(
    values: Mapping[str, str],
    tables: Mapping[str, Any],
    origins: Mapping[str, tuple[str, str]],
) -> Settings:
    def path(name: str) -> Path | None:
        return settings_values.path_of(name, values[name])

    try:
        topics = Topics(values["prefix"], values["manager"])
    except ValueError as error:
        remedy = "FLEET_PREFIX=fleet FLEET_MANAGER=zephyr"
        raise ConfigError("prefix or manager is not usable", str(error), remedy) from None
    host, port = settings_values.bind(values["http"])
    brokers = BrokerUrls.parse(values["broker"])
    of_agents = BrokerUrls.parse(values["agent_broker"]) if values["agent_broker"] else None
    return Settings(
        home=settings_values.home_of(values["home"]),
        broker=brokers.first,
        standbys=brokers.standbys,
        http_host=host,
        http_port=port,
        http_plain=settings_values.flag("http_plain", values["http_plain"]),
        interval=settings_values.interval(values["interval"]),
        max_agents=settings_values.max_agents(values["max_agents"]),
        topics=topics,
        password_file=path("password_file"),
        ca_file=path("ca_file"),
        cert_file=path("cert_file"),
        key_file=path("key_file"),
        adr=path("adr"),
        hub=settings_values.hub(values["hub"]),
        hub_token_file=path("hub_token_file"),
        broker_kind=settings_values.broker_kind(values["broker_kind"]),
        store=settings_values.store_of_site(values["store"], values["site"]),
        store_password_file=path("store_password_file"),
        agent_broker=of_agents.first if of_agents else None,
        agent_standbys=of_agents.standbys if of_agents else (),
        tables=tables,
        origins=origins,
    )


def slips(environ: Mapping[str, str]) -> list[str]:
    """A line for each variable of the environment that is nearly the name of a setting."""
    known = {setting.variable for setting in SETTINGS} | OTHERS
    return [warning(*slip) for slip in misspelt(environ, known)]
