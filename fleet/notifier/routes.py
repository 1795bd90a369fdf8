"""The `[routes.NAME]` tables of `fleet.toml`, checked before the hub starts.

[routes.oncall]
channel = "webhook"            # alertmanager, webhook or apprise
url = "https://example.org/hook"
secret_file = "hook.secret"    # signs each post; 0600
severity = "warning"           # the least to tell; info if unsaid
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_secret
from fleet.contract.vocabulary import Severity, Word
from fleet.contract.web_address import refuse_login
from fleet.settings import Settings

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_KEYS: Final = ("channel", "url", "url_file", "secret_file", "token_file", "severity")


class Channel(Word):
    """How a route reaches operators."""

    ALERTMANAGER = "alertmanager", "Alertmanager's HTTP interface, version 2"
    WEBHOOK = "webhook", "a signed POST of JSON"
    APPRISE = "apprise", "e-mail and chat services, by apprise (extra `notify`)"


@dataclass(frozen=True, slots=True)
class Route:
    """One way out. Addresses may hold secrets, so they never show in logs or errors."""

    name: str
    channel: Channel
    severity: Severity = Severity.INFO
    url: str = field(default="", repr=False)
    url_file: Path | None = None
    secret_file: Path | None = None
    token_file: Path | None = None

    def wants(self, severity: Severity) -> bool:
        return severity.rank >= self.severity.rank

    def address(self) -> str:
        """Where to send; read anew each time, so that a mended file needs no restart.

        Raises:
            ConfigError: the file cannot be used, or holds no address that fits the channel.
        """
        address = read_secret(self.url_file) if self.url_file else self.url
        if self.channel is not Channel.APPRISE:
            remedy = f"[routes.{self.name}] token_file = a 0600 file with a bearer token"
            refuse_login(address, f"the address of route {self.name}", remedy)
            parts = urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ConfigError(
                    f"route {self.name} has no usable address",
                    f"{self.channel} needs http:// or https://",
                    f"[routes.{self.name}] url or url_file in fleet.toml",
                )
        return address


def routes_of(settings: Settings) -> list[Route]:
    """Every route of `fleet.toml`.

    Raises:
        ConfigError: a table is not usable; says which key.
    """
    tables = settings.tables.get("routes", {})
    return [route_of(name, table, settings.home) for name, table in tables.items()]


def route_of(name: str, table: Any, home: Path) -> Route:
    """The route `[routes.NAME]`; its files are looked for in the home.

    Raises:
        ConfigError: the table is not usable; says which key.
    """
    where = f"[routes.{name}]"
    remedy = f"{where} in fleet.toml: {', '.join(_KEYS)}"
    if not _NAME.fullmatch(name) or not isinstance(table, Mapping):
        raise ConfigError(f"{where} is not a route", "a name has a-z, 0-9 and -", remedy)
    unknown = sorted(table.keys() - set(_KEYS))
    if unknown:
        raise ConfigError(f"{where} has an unknown key {unknown[0]!r}", "", remedy)
    texts = {key: value for key, value in table.items() if isinstance(value, str) and value}
    if len(texts) != len(table):
        raise ConfigError(f"{where} has a value that is not text", "", remedy)
    try:
        channel = Channel(texts.get("channel", ""))
        severity = Severity(texts.get("severity", Severity.INFO))
    except ValueError as error:
        words = " or ".join(Channel)
        raise ConfigError(f"{where} is not usable", str(error), f"channel = {words}") from None
    if channel is Channel.APPRISE and find_spec("apprise") is None:
        raise ConfigError(
            f"{where} needs apprise",
            "it is not installed",
            "pip install 'fleet-control-plane[notify]'",
        )
    if ("url" in texts) == ("url_file" in texts):
        raise ConfigError(f"{where} needs one address", "url or url_file, not both", remedy)
    if channel is Channel.WEBHOOK and "secret_file" not in texts:
        raise ConfigError(
            f"{where} is not signed",
            "whoever receives it could not tell it from a forgery",
            f"{where} secret_file = a 0600 file with a long random word",
        )

    def path(key: str) -> Path | None:
        return home / Path(texts[key]).expanduser() if key in texts else None

    route = Route(
        name,
        channel,
        severity,
        texts.get("url", ""),
        path("url_file"),
        path("secret_file"),
        path("token_file"),
    )
    route.address()
    for file in (route.secret_file, route.token_file):
        if file is not None:
            read_secret(file)
    return route
