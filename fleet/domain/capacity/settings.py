"""`[forecast]`, `[quotas.NAME]` and `[prices.NAME]` of `fleet.toml`, checked before a start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from fleet.contract.errors import ConfigError, closest
from fleet.contract.spans import seconds_of
from fleet.domain.capacity.fleet_use import Rules
from fleet.domain.capacity.forecast import HOUR, KNOWN
from fleet.domain.capacity.prices import Price, PriceTable
from fleet.domain.capacity.quota import Quota, Used
from fleet.domain.capacity.windows import Calendar, Window

LONGEST: Final = KNOWN - 4 * 24 * HOUR
"""Seconds of the longest span of a limit: as long as the longest month."""

MOST: Final = 100
"""Quotas at most: each is looked at for each agent that it is of."""


def rules_of(tables: Mapping[str, Any]) -> Rules:
    """What the tables say of capacity.

    Raises:
        ConfigError: one is not usable; says which key.
    """
    zone = _zone(tables.get("forecast", {}))
    prices = _prices(tables.get("prices", {}), zone)
    named = tables.get("quotas", {})
    if len(named) > MOST:
        raise _fault("[quotas]", "", f"there are {len(named)}, and {MOST} at most", "each = true")
    quotas = tuple(_quota(name, table, prices) for name, table in named.items())
    return Rules(zone, quotas, prices)


def _fault(where: str, key: str, why: str, example: str) -> ConfigError:
    return ConfigError(
        f"{where} {key}".rstrip() + " is not usable", why, f"{example} in fleet.toml"
    )


def _zone(table: Mapping[str, Any]) -> tzinfo:
    try:
        return ZoneInfo(str(table["zone"])) if table.get("zone") else UTC
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        why = "this machine knows no such zone"
        raise _fault("[forecast]", "zone", why, 'zone = "Europe/Berlin"') from None


def _quota(name: str, table: Mapping[str, Any], prices: PriceTable) -> Quota:
    where = f"[quotas.{name}]"
    metric = str(table.get("metric", Used.TOKENS.value))
    if metric not in set(Used):
        meant = closest(metric, [used.value for used in Used]) or Used.TOKENS.value
        known = ", ".join(Used)
        raise _fault(where, "metric", f"it is none of {known}", f'metric = "{meant}"')
    if metric == Used.COST.value and not prices:
        raise _fault(where, "metric", "no [prices.NAME] says what tokens cost", 'metric = "tokens"')
    if "limit" not in table:
        raise _fault(where, "limit", "it is not there", "limit = 2000000")
    agent, group = str(table.get("agent", "")), str(table.get("group", ""))
    for key in ("agent", "group"):
        if key in table and not str(table[key]).strip():
            why = "it is empty: that names nobody, and taken as unsaid it would be of all"
            raise _fault(where, key, why, f'{key} = "NAME", or no line {key} for all,')
    if agent and group:
        raise _fault(where, "group", "agent is given, too", "one of agent, group")
    each = bool(table.get("each", False))
    if agent and each:
        raise _fault(where, "each", "agent names one", "no line each, or no line agent,")
    return Quota(
        name, Used(metric), float(table["limit"]), _window(where, table), agent, group, each
    )


def _window(where: str, table: Mapping[str, Any]) -> Window:
    text = str(table.get("window", ""))
    if text in set(Calendar):
        return Window(text, Calendar(text))
    seconds = seconds_of(text)
    if seconds is None or not HOUR <= seconds <= LONGEST or not text[-1].isalpha():
        why = f"it is none of {', '.join(Calendar)}, and no span from 1h to 31d"
        raise _fault(where, "window", why, 'window = "day"')
    return Window(text, None, seconds)


def _prices(tables: Mapping[str, Any], zone: tzinfo) -> PriceTable:
    prices = [_price(name, table, zone) for name, table in tables.items()]
    currencies = {str(table.get("currency", "")) for table in tables.values()}
    for name, table in tables.items():
        if not str(table.get("currency", "")).strip():
            raise _fault(f"[prices.{name}]", "currency", "it is not there", 'currency = "EUR"')
    if len(currencies) > 1:
        why = f"{' and '.join(sorted(currencies))} cannot be added up"
        raise _fault("[prices]", "currency", why, "one currency for all prices")
    places = [(price.agent, price.group, price.begins) for price in prices]
    if len(set(places)) < len(places):
        why = "two prices of the same agents begin on the same day"
        raise _fault("[prices]", "from", why, 'from = "2026-06-01" once')
    return PriceTable(prices, next(iter(currencies), ""))


def _price(name: str, table: Mapping[str, Any], zone: tzinfo) -> Price:
    where = f"[prices.{name}]"
    try:
        day = date.fromisoformat(str(table.get("from", "")))
    except ValueError:
        why = "it is no date, from which on the price is in force"
        raise _fault(where, "from", why, 'from = "2026-06-01"') from None
    for key in ("input", "output"):
        if key not in table:
            why = "it is not there: what a million tokens cost"
            raise _fault(where, key, why, f"{key} = 2.5")
    agent, group = str(table.get("agent", "")), str(table.get("group", ""))
    if agent and group:
        raise _fault(where, "group", "agent is given, too", "one of agent, group")
    begins = datetime.combine(day, time(), zone).timestamp()
    return Price(begins, float(table["input"]), float(table["output"]), agent, group)
