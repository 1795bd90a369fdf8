"""The tables of `fleet.toml`: which there are, which keys each has, and of what type.

Whoever uses a table looks at its values; that a table or a key is none is told before anything
starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table; `kind` is what its value must be, in words that `fits` knows."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table; `named` ones stand below a name of the operator's: `[routes.oncall]`."""

    name: str
    meaning: str
    keys: tuple[Key, ...]
    named: bool = False


TEXT: Final = "text"
TEXTS: Final = "a list of texts"
NUMBER: Final = "a number above 0"
COUNT: Final = "a whole number above 0"
PORT: Final = "a port, or 0 for none"

TABLES: Final = (
    Table("routes", "where alerts are told to: a table a route, `[routes.NAME]`", (
        Key("channel", TEXT, "alertmanager, webhook or apprise"),
        Key("url", TEXT, "address; `${NAME}` for one that is a secret"),
        Key("url_file", TEXT, "or a 0600 file with it"),
        Key("secret_file", TEXT, "0600 file with the word that signs each post of a webhook"),
        Key("token_file", TEXT, "0600 file with a bearer token"),
        Key("severity", TEXT, "the least that is told; info if unsaid"),
    ), named=True),
    Table("retention", "how long the store keeps what", (
        Key("raw", NUMBER, "days of single messages"),
        Key("rollups", NUMBER, "days of hourly figures"),
        Key("dead_letters", NUMBER, "days of what the contract rejected"),
        Key("events", NUMBER, "days of events"),
        Key("commands", NUMBER, "days of commands that ended"),
        Key("max_dead_letters", COUNT, "dead letters at most"),
        Key("max_events", COUNT, "events at most"),
        Key("max_gb", NUMBER, "GB that the database takes at most; then the oldest messages go"),
        Key("agent_mb_a_day", NUMBER, "MB of heartbeats stored of an agent in a day"),
    )),
    Table("acl", "the proof of the broker's ACL", (
        Key("trusted", TEXTS, "accounts that may reach the fleet's topics, as the broker's admin"),
    )),
    Table("audit", "the capture of the bus, and its audit", (
        Key("capture_mb", NUMBER, "MiB of all capture files"),
        Key("keep_days", NUMBER, "days that a capture is kept"),
        Key("every_days", NUMBER, "days between audits of the capture"),
    )),
    Table("mosquitto", "the broker that `fleet broker up` runs", (
        Key("names", TEXTS, "names and addresses in its certificate"),
        Key("bind", TEXT, "address of the listeners with TLS"),
        Key("local_port", PORT, "listener on loopback, without TLS"),
        Key("tls_port", PORT, "listener for passwords over TLS"),
        Key("mtls_port", PORT, "listener for certificates"),
    )),
    Table("http_service", "the hub over HTTP", (
        Key("hosts", TEXTS, "further names that the hub answers to"),
        Key("proxies", TEXTS, "addresses or networks of proxies, whose X-Forwarded-* is believed"),
    )),
    Table("otel", "an OpenTelemetry collector", (
        Key("endpoint", TEXT, "its address, http:// or https://"),
        Key("metrics_every", NUMBER, "seconds between metrics"),
    )),
)  # fmt: skip
BY_NAME: Final = {table.name: table for table in TABLES}


EXAMPLES: Final = {TEXT: '"…"', TEXTS: '["…"]', NUMBER: "7", COUNT: "1000", PORT: "8883"}
"""A value of each kind as it stands in the file."""


def fits(kind: str, value: Any) -> bool:
    """Whether `value` is what `kind` says."""
    if kind == TEXT:
        return isinstance(value, str)
    if kind == TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if kind == NUMBER:
        return 0 < value < float("inf")
    return isinstance(value, int) and (value > 0 if kind == COUNT else 0 <= value <= 65_535)


def contents(table: Table, value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(path, keys and values) of the table itself, or of each table below it."""
    if table.named:
        return [(f"{table.name}.{name}", below) for name, below in value.items()]
    return [(table.name, value)]
