"""Settings of the sidecar: flags > environment (`FLEET_*`) > `agent.env` > default.

`agent.env` holds KEY=VALUE lines and is never sourced: a value stays a value. `${NAME}` in
it, and in the environment, is a variable of the environment; flags went through a shell already.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from agent_sidecar.settings import ALL, OTHERS
from fleet.contract.broker_url import BrokerUrl, BrokerUrls
from fleet.contract.env_file import Fault, Line, parse
from fleet.contract.errors import ConfigError, closest
from fleet.contract.limits import MAX_INTERVAL, MIN_INTERVAL
from fleet.contract.misspelt import misspelt, warning
from fleet.contract.secret_file import read_password
from fleet.contract.topics import Topics, is_agent_name
from fleet.contract.trusted_path import read_bytes
from fleet.contract.variables import Variables

FILE_NAME: Final = "agent.env"
T = TypeVar("T")

_BY_NAME: Final = {name.variable: name for name in ALL}
_OF_THE_HUB: Final = ("FLEET_HUB_TOKEN_FILE", "FLEET_STORE_PASSWORD_FILE")
"""Settings of the hub that are nearly names of ours."""


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting as text with its origin; the ones the core needs are parsed already.

    `given` is each value as it was written, with `${NAME}`: that is what may be shown. `broker` is
    the only one or the first of several, `standbys` are those after it.
    """

    agent: str
    broker: BrokerUrl
    interval: float
    topics: Topics
    values: Mapping[str, str]
    origins: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str | None] = field(default_factory=dict)
    standbys: tuple[BrokerUrl, ...] = ()

    @property
    def brokers(self) -> BrokerUrls:
        """Where to connect, in the order in which it is tried."""
        return BrokerUrls((self.broker, *self.standbys))

    def text(self, variable: str) -> str:
        """The value of a setting in the table of names, or its default; empty: not set."""
        return self.values[variable]

    def words(self, variable: str) -> list[str]:
        """A comma-separated value."""
        return [word.strip() for word in self.values[variable].split(",") if word.strip()]

    def path(self, variable: str) -> Path | None:
        """
        Raises:
            ConfigError: `~NAME` of somebody who is not there.
        """
        text = self.values[variable]
        return _expanded(variable, text) if text else None

    def number(self, variable: str, low: float, high: float) -> float:
        """
        Raises:
            ConfigError: not a number from `low` to `high`.
        """
        return _number(variable, self.values[variable], low, high)

    @property
    def state(self) -> Path:
        """Where this agent's sidecar keeps its outbox and its memory."""
        return _expanded("FLEET_HOME", self.values["FLEET_HOME"]) / "sidecar" / self.agent

    def password(self) -> str | None:
        """The broker password, or None where none is configured.

        Raises:
            ConfigError: the file cannot be read or others may read it.
        """
        path = self.path("FLEET_PASSWORD_FILE")
        return None if path is None else read_password(path)

    def added_words(self) -> dict[str, tuple[str, ...]]:
        """The words that the deployment's accepted ADRs add, by vocabulary."""
        folder = self.path("FLEET_ADR")
        if folder is None:
            return {}
        from fleet.contract.amendments import read_folder

        return read_folder(folder)


def load(
    flags: Mapping[str, str | None] | None = None, environ: Mapping[str, str] | None = None
) -> Config:
    """The configuration; `flags` are keyed by variable name, None or empty means not given.

    Raises:
        ConfigError: a value or the file is not usable.
    """
    environ = os.environ if environ is None else environ
    file = find_file(environ)
    lines = read_env_file(file) if file else {}
    variables = Variables(environ)
    values: dict[str, str] = {}
    given: dict[str, str] = {}
    origins: dict[str, str] = {}
    places: dict[str, str] = {}
    for name in ALL:
        line = lines.get(name.variable)
        where = f"line {line.number} of {file}" if line else ""
        for source, place, text in (
            ("flag", "", (flags or {}).get(name.variable)),
            ("environment", "the environment", environ.get(name.variable)),
            (str(file), where, line.value if line else None),
            ("default", "", name.default),
        ):
            if text or source == "default":
                given[name.variable] = text or ""
                values[name.variable] = (
                    variables.expand(text, f"{name.variable} in {place}") if text and place
                    else text or ""
                )  # fmt: skip
                origins[name.variable] = source
                places[name.variable] = f" ({place})" if place else ""
                break
    try:
        return replace(_parse(values, origins, places), given=given, flags=flags or {})
    except ConfigError as error:
        raise variables.hide(error) from None


def slips(environ: Mapping[str, str]) -> list[str]:
    """A line for each variable of the environment that is nearly the name of a setting."""
    return [warning(*slip) for slip in misspelt(environ, {*_BY_NAME, *OTHERS, *_OF_THE_HUB})]


def find_file(environ: Mapping[str, str]) -> Path | None:
    """The `agent.env` to read: `$FLEET_AGENT_ENV`, `~/.config/fleet/`, `/etc/fleet/`.

    Raises:
        ConfigError: `FLEET_AGENT_ENV` names a file that is not there.
    """
    named = environ.get("FLEET_AGENT_ENV")
    if named:
        path = Path(named).expanduser()
        if not _is_file(path):
            raise ConfigError(
                f"there is no file {path}", "FLEET_AGENT_ENV names it", f"ls -l {path}"
            )
        return path
    home = environ.get("HOME")
    folders = [Path(home) / ".config/fleet"] if home else []
    for folder in (*folders, Path("/etc/fleet")):
        path = folder / FILE_NAME
        if _is_file(path):
            return path
    return None


def _is_file(path: Path) -> bool:
    """
    Raises:
        ConfigError: whether it is there this user may not know.
    """
    try:
        return path.is_file()
    except PermissionError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None


def read_env_file(path: Path) -> dict[str, Line]:
    """The `FLEET_*` lines of `path` by name; names of other programs are passed by.

    Raises:
        ConfigError: it cannot be read, a line is not usable, or a name is not known.
    """
    found: dict[str, Line] = {}
    for line in lines_of(path):
        if isinstance(line, ConfigError):
            raise line
        found[line.name] = line
    return found


def lines_of(path: Path) -> Iterator[Line | ConfigError]:
    """The `FLEET_*` lines of `path`, and what is wrong with any line, in order.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        text = read_bytes(path).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    for line in parse(text):
        if isinstance(line, Fault):
            yield line.told(path)
        elif line.name in _BY_NAME or line.name in OTHERS:
            yield line
        elif line.name.startswith("FLEET_"):
            what = f"{line.name} in line {line.number} of {path} is not a setting"
            near = closest(line.name, _BY_NAME) or "agent-sidecar check --settings"
            yield ConfigError(what, "", near)


def _expanded(variable: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~NAME, or ~ of somebody without a home
        why = "there is no such home"
        raise ConfigError(f"{variable} is not usable", why, f"{variable}=/PATH") from None


def _parse(
    values: Mapping[str, str], origins: Mapping[str, str], places: Mapping[str, str]
) -> Config:
    """`places` says of each value where it stands, as ` (line 3 of FILE)`."""
    agent = values["FLEET_AGENT"]
    if not agent:
        raise ConfigError(
            "the agent has no name", "FLEET_AGENT is not set", "FLEET_AGENT=alpha, or --agent alpha"
        )
    if not is_agent_name(agent):
        why = "a name is 1 to 40 of a-z, 0-9 and -, and neither starts nor ends with -"
        why += places["FLEET_AGENT"]
        raise ConfigError(f"agent name {agent!r} is not usable", why, "FLEET_AGENT=alpha-1")
    try:
        topics = Topics(values["FLEET_PREFIX"], values["FLEET_MANAGER"])
    except ValueError as error:
        remedy = "FLEET_PREFIX=fleet FLEET_MANAGER=zephyr"
        why = f"{error}{places['FLEET_PREFIX'] or places['FLEET_MANAGER']}"
        raise ConfigError("prefix or manager is not usable", why, remedy) from None
    interval = values["FLEET_INTERVAL"]
    brokers = _at(places["FLEET_BROKER"], lambda: BrokerUrls.parse(values["FLEET_BROKER"]))
    return Config(
        agent=agent,
        broker=brokers.first,
        standbys=brokers.standbys,
        interval=_at(
            places["FLEET_INTERVAL"],
            lambda: _number("FLEET_INTERVAL", interval, MIN_INTERVAL, MAX_INTERVAL),
        ),
        topics=topics,
        values=values,
        origins=origins,
    )


def _at(place: str, parse_value: Callable[[], T]) -> T:
    """What `parse_value` makes of a value; its error says where the value stands."""
    try:
        return parse_value()
    except ConfigError as error:
        raise ConfigError(error.what, f"{error.why}{place}", error.remedy) from None


def _number(variable: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        example = _BY_NAME[variable].default or f"{low:g}"
        raise ConfigError(
            f"{variable}={text!r} is not usable",
            f"not a number from {low:g} to {high:g}",
            f"{variable}={example}",
        )
    return value
