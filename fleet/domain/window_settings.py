"""The `[maintenance.NAME]` tables of `fleet.toml`, checked before the hub starts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from fleet.contract.errors import ConfigError
from fleet.contract.spans import seconds_of
from fleet.domain.alert_codes import AlertCodes
from fleet.domain.silences import MAX_PLANNED
from fleet.domain.windows import Window

SCOPES: Final = ("agent", "group", "site")
"""Of what a window may be; of nothing named: of all."""


BEGINNINGS: Final = 400
"""Beginnings that are looked at for a gap: a day of a window each four minutes, a year of a daily
one."""


def windows_of(tables: Mapping[str, Any], codes: AlertCodes, now: float) -> list[Window]:
    """Every `[maintenance.NAME]` of the settings; `now` in s since the epoch.

    Raises:
        ConfigError: one is not usable; says which key.
    """
    return [
        _window(name, table, codes, now) for name, table in tables.get("maintenance", {}).items()
    ]


def _window(name: str, table: Mapping[str, Any], codes: AlertCodes, now: float) -> Window:
    where = f"[maintenance.{name}]"

    def fault(key: str, why: str, example: str) -> ConfigError:
        return ConfigError(f"{where} {key} is not usable", why, f"{example} in fleet.toml")

    cron, zone, lasts = (str(table.get(key, "")) for key in ("cron", "zone", "for"))
    try:
        CronSim(cron, datetime.fromtimestamp(0, ZoneInfo("UTC")))
    except CronSimError:
        why = "it is not minute, hour, day, month and day of the week"
        raise fault("cron", why, 'cron = "0 2 * * sun"') from None
    try:
        place = ZoneInfo(zone or "UTC")
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise fault("zone", "this machine knows no such zone", 'zone = "Europe/Berlin"') from None
    seconds = seconds_of(lasts)
    if seconds is None or not 60 <= seconds <= MAX_PLANNED:
        raise fault("for", "it is not a span from 1m to 30d", 'for = "2h"')
    for key in (*SCOPES, "code"):
        if key in table and not str(table[key]).strip():
            why = "it is empty: that names nobody, and taken as unsaid it would be of all"
            raise fault(key, why, f'{key} = "NAME", or no line {key} for all,')
    named = [key for key in SCOPES if key in table]
    if len(named) > 1:
        raise fault(named[1], f"{named[0]} is given, too", f"one of {', '.join(SCOPES)}")
    agent = str(table.get("agent", ""))
    scope = next((f"{key}:{table[key]}" for key in named if key != "agent"), "")
    code = str(table.get("code", ""))
    if code and code not in codes:
        why = "no alert has that code, so it would hold nothing back"
        raise fault("code", why, f'code = "{codes.like(code) or "agent-offline"}"')
    window = Window(name, cron, place, seconds, agent, scope, code)
    if window.next_after(now) is None:
        raise fault("cron", "there is no such day: it never begins", 'cron = "0 2 * * sun"')
    if window.is_endless(now, BEGINNINGS):
        why = "it begins again before it ends: it would hold back alerts for ever"
        raise fault("for", why, "a shorter for, or a rarer cron,")
    return window
