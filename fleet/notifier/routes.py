"""The `[routes.NAME]` tables of `fleet.toml`, checked before the hub starts.

[routes.oncall]
channel = "webhook"            # alertmanager, webhook or apprise
url = "https://example.org/hook"
secret_file = "hook.secret"    # signs each post; 0600
severity = "warning"           # the least to tell; info if unsaid
after = "15m"                  # only what nobody acknowledged by then; critical if unsaid
hours = "18:00-08:00"          # only then, on these days, in this zone
days = "mon-fri"
zone = "Europe/Berlin"
digest = "1d"                  # info, gathered for so long
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fleet.contract.errors import ConfigError, closest
from fleet.contract.secret_file import read_secret
from fleet.contract.spans import seconds_of
from fleet.contract.vocabulary import Severity, Word
from fleet.contract.web_address import is_web_address, refuse_login
from fleet.notifier.ack_links import AckLinks
from fleet.notifier.duty import Duty, duty_of
from fleet.notifier.runbooks import page_of
from fleet.settings import Settings

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_KEYS: Final = (
    "channel", "url", "url_file", "secret_file", "token_file", "severity", "after", "hours", "days",
    "zone", "digest",
)  # fmt: skip


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
    runbooks: str = ""
    """Where the page of alert codes stands."""
    links: AckLinks | None = field(default=None, repr=False)
    after: float = 0.0
    """Seconds that what it is told was acknowledged by nobody."""
    duty: Duty | None = None
    digest: float = 0.0
    """Seconds for which `info` is gathered; 0: it is told at once."""

    @property
    def chooses(self) -> bool:
        """Whether it is not told of everything that matters enough."""
        return bool(self.after) or self.duty is not None

    def is_on_duty(self, now: float) -> bool:
        return self.duty is None or self.duty.covers(now)

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
            if not is_web_address(address):
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
    page = page_of(settings.tables)
    routes = (route_of(name, table, settings.home) for name, table in tables.items())
    links = AckLinks.of(settings.tables, settings.home)
    return [replace(route, runbooks=page, links=links) for route in routes]


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
        key, words = "channel", list[str](Channel)
        channel = Channel(texts.get("channel", ""))
        after = Severity.CRITICAL if "after" in texts else Severity.INFO
        key, words = "severity", list[str](Severity)
        severity = Severity(texts.get("severity", after))
    except ValueError:
        given = texts.get(key, "")
        why = f"{given!r} is none" if given else "it is not said"
        example = closest(given, words) or " or ".join(words)
        raise ConfigError(f"{where} {key} is not usable", why, f"{key} = {example}") from None
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
        **_choice_of(where, texts, channel),
    )
    route.address()
    for file in (route.secret_file, route.token_file):
        if file is not None:
            read_secret(file)
    return route


def _choice_of(where: str, texts: Mapping[str, str], channel: Channel) -> dict[str, Any]:
    """When a route is told of what.

    Raises:
        ConfigError: one of these keys is not usable.
    """
    spans = {}
    for key, least in (("after", 60), ("digest", 600)):
        seconds = seconds_of(texts[key]) if key in texts else 0.0
        if seconds is None or (key in texts and not least <= seconds <= 7 * 86_400):
            why = f"it is not a span from {least // 60}m to 7d"
            raise ConfigError(f"{where} {key} is not usable", why, f'{key} = "15m"')
        spans[key] = seconds
    if spans["digest"] and channel is Channel.ALERTMANAGER:
        why = "Alertmanager groups by itself, and takes silence for the end"
        raise ConfigError(f"{where} digest is not usable", why, "group_interval in Alertmanager")
    try:
        duty = duty_of(*(texts.get(key, "") for key in ("hours", "days", "zone")))
    except ValueError as error:
        example = f'{where} hours = "18:00-08:00", days = "mon-fri", zone = "Europe/Berlin"'
        raise ConfigError(f"{where} is not usable", str(error), example) from None
    return {**spans, "duty": duty}
