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
FLAG: Final = "true or false"

TABLES: Final = (
    Table("routes", "where alerts are told to: a table a route, `[routes.NAME]`", (
        Key("channel", TEXT, "alertmanager, webhook or apprise"),
        Key("url", TEXT, "address; `${NAME}` for one that is a secret"),
        Key("url_file", TEXT, "or a 0600 file with it"),
        Key("secret_file", TEXT, "0600 file with the word that signs each post of a webhook"),
        Key("token_file", TEXT, "0600 file with a bearer token"),
        Key("severity", TEXT, "the least that is told; info if unsaid"),
        Key("after", TEXT, "as 15m: told only what is critical and nobody acknowledged"),
        Key("hours", TEXT, "as 18:00-08:00: told only then"),
        Key("days", TEXT, "as mon-fri: told only then"),
        Key("zone", TEXT, "time zone of hours and days; UTC if unsaid"),
        Key("digest", TEXT, "as 1d: info is gathered for so long, and told in one message"),
    ), named=True),
    Table("alerts", "what is an alert, and when", (
        Key("degraded_after", NUMBER, "seconds an agent may be unwell without an alert of its own"),
        Key("flap_times", COUNT, "beginnings of an alert within the window from which it flaps"),
        Key("flap_window", NUMBER, "seconds; it has settled after half of it without a change"),
        Key("watchdog", FLAG, "whether Alertmanager gets the alert Watchdog, which always fires"),
        Key("page", TEXT, "address of the hub as operators reach it, for links to acknowledge"),
        Key("runbooks", TEXT, "address of your copy of the page of alert codes, to link to"),
    )),
    Table("maintenance", "work that comes again: a table a window, `[maintenance.NAME]`", (
        Key("cron", TEXT, "when it begins: minute, hour, day, month and day of the week"),
        Key("zone", TEXT, "time zone of it, as Europe/Berlin; UTC if unsaid"),
        Key("for", TEXT, "how long it lasts, as 2h"),
        Key("agent", TEXT, "only this agent"),
        Key("group", TEXT, "or only this group"),
        Key("site", TEXT, "or only agents with this label `site`"),
        Key("code", TEXT, "only this alert code"),
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
    Table("dead_man", "a monitor elsewhere that expects to hear from the hub", (
        Key("url", TEXT, "where to ping as healthchecks.io has it, with /start and /fail behind"),
        Key("url_file", TEXT, "or a 0600 file with it"),
        Key("every", NUMBER, "seconds between pings; 60 if unsaid"),
    )),
    Table("acl", "the proof of the broker's ACL", (
        Key("trusted", TEXTS, "accounts that may reach the fleet's topics, as the broker's admin"),
    )),
    Table("audit", "the capture of the bus, and its audit", (
        Key("capture_mb", NUMBER, "MiB of all capture files"),
        Key("keep_days", NUMBER, "days that a capture is kept"),
        Key("every_days", NUMBER, "days between audits of the capture"),
        Key("allow", TEXTS, "names of agents and metrics, and versions, that are no finding"),
    )),
    Table("traffic", "what one agent may say in a day (ADR-0017)", (
        Key("shortest_interval", NUMBER, "seconds: the shortest interval an agent may announce"),
        Key("new_metrics_a_day", COUNT, "names of metrics that an agent did not use before"),
        Key("versions_a_day", COUNT, "changes of its version strings"),
        Key("configs_a_day", COUNT, "changes of its configuration's digest"),
        Key("sessions_a_day", COUNT, "sessions of its sidecar"),
        Key("events_a_day", COUNT, "states and alerts, beside answers to commands"),
        Key("progress_a_day", COUNT, "messages about tasks, beside those of tasks offered"),
        Key("exact_numbers_a_heartbeat", COUNT, "numbers of more than three digits, for each due"),
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
        Key("open_metrics", FLAG, "whether /metrics asks callers on this machine for no token"),
    )),
    Table("work", "content of tasks and boards", (
        Key("blob_mb", NUMBER, "MiB of one blob; 64 if unsaid"),
        Key("group_mb", NUMBER, "MiB of all blobs of a group; 2048 if unsaid"),
        Key("keep_days", NUMBER, "days that a blob stays which nothing names; 7 if unsaid"),
    )),
    Table("forecast", "when room, tokens and money run out", (
        Key("zone", TEXT, "time zone of days, weeks, months and dates; UTC if unsaid"),
    )),
    Table("quotas", "limits of what is used: a table a limit, `[quotas.NAME]`", (
        Key("metric", TEXT, "tokens (if unsaid), tokens_input, tokens_output or cost"),
        Key("limit", NUMBER, "how much of it in each window"),
        Key("window", TEXT, "day, week or month of the calendar; or a span that moves, as 5h"),
        Key("agent", TEXT, "of this agent alone"),
        Key("group", TEXT, "or of this group together; of neither: of the whole fleet"),
        Key("each", FLAG, "of each agent of the group, or of the fleet, for itself"),
    ), named=True),
    Table("prices", "what a million tokens cost: a table a price, `[prices.NAME]`", (
        Key("from", TEXT, "the day from which on it is in force, as 2026-06-01"),
        Key("input", NUMBER, "for a million tokens sent to the model"),
        Key("output", NUMBER, "for a million tokens that the model sent"),
        Key("currency", TEXT, "as EUR; one for all prices"),
        Key("agent", TEXT, "only of this agent"),
        Key("group", TEXT, "or only of this group"),
    ), named=True),
    Table("otel", "an OpenTelemetry collector", (
        Key("endpoint", TEXT, "its address, http:// or https://"),
        Key("metrics_every", NUMBER, "seconds between metrics"),
    )),
)  # fmt: skip
BY_NAME: Final = {table.name: table for table in TABLES}


EXAMPLES: Final = {
    TEXT: '"…"',
    TEXTS: '["…"]',
    NUMBER: "7",
    COUNT: "1000",
    PORT: "8883",
    FLAG: "true",
}
"""A value of each kind as it stands in the file."""


def fits(kind: str, value: Any) -> bool:
    """Whether `value` is what `kind` says."""
    if kind == TEXT:
        return isinstance(value, str)
    if kind == FLAG:
        return isinstance(value, bool)
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
