"""Settings of the sidecar: flags > environment (`FLEET_*`) > `agent.env` > default.

`agent.env` holds KEY=VALUE lines and is never sourced: a value stays a value.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from agent_sidecar.settings import ALL, OTHERS
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import ConfigError
from fleet.contract.limits import MAX_INTERVAL, MIN_INTERVAL
from fleet.contract.secret_file import read_secret
from fleet.contract.topics import Topics, is_agent_name

FILE_NAME: Final = "agent.env"
_BY_NAME: Final = {name.variable: name for name in ALL}


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting as text with its origin; the ones the core needs are parsed already."""

    agent: str
    broker: BrokerUrl
    interval: float
    topics: Topics
    values: Mapping[str, str]
    origins: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str | None] = field(default_factory=dict)

    def text(self, variable: str) -> str:
        """The value of a setting in the table of names, or its default; empty: not set."""
        return self.values[variable]

    def words(self, variable: str) -> list[str]:
        """A comma-separated value."""
        return [word.strip() for word in self.values[variable].split(",") if word.strip()]

    def path(self, variable: str) -> Path | None:
        text = self.values[variable]
        return Path(text).expanduser() if text else None

    def number(self, variable: str, low: float, high: float) -> float:
        """
        Raises:
            ConfigError: not a number from `low` to `high`.
        """
        return _number(variable, self.values[variable], low, high)

    @property
    def state(self) -> Path:
        """Where this agent's sidecar keeps its outbox and its memory."""
        return Path(self.values["FLEET_HOME"]).expanduser() / "sidecar" / self.agent

    def password(self) -> str | None:
        """The broker password, or None where none is configured.

        Raises:
            ConfigError: the file cannot be read or others may read it.
        """
        path = self.path("FLEET_PASSWORD_FILE")
        return None if path is None else read_secret(path)

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
    in_file = read_env_file(file) if file else {}
    values: dict[str, str] = {}
    origins: dict[str, str] = {}
    for name in ALL:
        for source, given in (
            ("flag", (flags or {}).get(name.variable)),
            ("environment", environ.get(name.variable)),
            (str(file), in_file.get(name.variable)),
            ("default", name.default),
        ):
            if given or source == "default":
                values[name.variable] = given or ""
                origins[name.variable] = source
                break
    return replace(_parse(values, origins), flags=flags or {})


def find_file(environ: Mapping[str, str]) -> Path | None:
    """The `agent.env` to read: `$FLEET_AGENT_ENV`, `~/.config/fleet/`, `/etc/fleet/`.

    Raises:
        ConfigError: `FLEET_AGENT_ENV` names a file that is not there.
    """
    named = environ.get("FLEET_AGENT_ENV")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"there is no file {path}", "FLEET_AGENT_ENV names it", f"ls -l {path}"
            )
        return path
    home = environ.get("HOME")
    folders = [Path(home) / ".config/fleet"] if home else []
    for folder in (*folders, Path("/etc/fleet")):
        path = folder / FILE_NAME
        if path.is_file():
            return path
    return None


def read_env_file(path: Path) -> dict[str, str]:
    """The `FLEET_*` lines of `path`; names of other programs are passed by.

    Raises:
        ConfigError: it cannot be read, a line is not KEY=VALUE, or a name is not known.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"{path} cannot be read", why, f"ls -l {path}") from None
    values: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        name = name.strip()
        if not equals or not name.replace("_", "").isalnum():
            raise ConfigError(
                f"line {number} of {path} is not usable",
                "it is not KEY=VALUE",
                f"write it like FLEET_AGENT=alpha, without export; comments start with # ({path})",
            )
        if not name.startswith("FLEET_"):
            continue
        if name not in _BY_NAME and name not in OTHERS:
            raise _unknown(path, number, name)
        values[name] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _unknown(path: Path, number: int, name: str) -> ConfigError:
    from difflib import get_close_matches

    near = get_close_matches(name, _BY_NAME, 1) or ["agent-sidecar check --settings"]
    return ConfigError(f"{name} in line {number} of {path} is not a setting", "", near[0])


def _parse(values: Mapping[str, str], origins: Mapping[str, str]) -> Config:
    agent = values["FLEET_AGENT"]
    if not agent:
        raise ConfigError(
            "the agent has no name", "FLEET_AGENT is not set", "FLEET_AGENT=alpha, or --agent alpha"
        )
    if not is_agent_name(agent):
        raise ConfigError(
            f"agent name {agent!r} is not usable",
            "a name is 1 to 40 of a-z, 0-9 and -, and neither starts nor ends with -",
            "FLEET_AGENT=alpha-1",
        )
    try:
        topics = Topics(values["FLEET_PREFIX"], values["FLEET_MANAGER"])
    except ValueError as error:
        remedy = "FLEET_PREFIX=fleet FLEET_MANAGER=zephyr"
        raise ConfigError("prefix or manager is not usable", str(error), remedy) from None
    return Config(
        agent=agent,
        broker=BrokerUrl.parse(values["FLEET_BROKER"]),
        interval=_number("FLEET_INTERVAL", values["FLEET_INTERVAL"], MIN_INTERVAL, MAX_INTERVAL),
        topics=topics,
        values=values,
        origins=origins,
    )


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
