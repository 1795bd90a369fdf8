"""Maintenance that comes again begins and ends by the wall clock of its zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fleet.contract.errors import ConfigError
from fleet.domain.alert_codes import AlertCodes
from fleet.domain.window_settings import windows_of
from fleet.domain.windows import Window

BERLIN = ZoneInfo("Europe/Berlin")
CODES = AlertCodes({"alert_codes": ("gpu-hot",)})
TABLE = {"cron": "0 2 * * sun", "zone": "Europe/Berlin", "for": "2h", "group": "web"}


def window(**changes: Any) -> Window:
    [made] = windows_of(
        {"maintenance": {"weekly": TABLE | changes}}, CODES, at("2026-11-28T12:00Z")
    )
    return made


def at(text: str) -> float:
    """A time with its offset, in s since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def test_it_is_open_from_its_beginning_for_as_long_as_it_lasts() -> None:
    begins = at("2026-11-29T02:00+01:00")
    assert window().open_at(begins - 1) is None
    assert window().open_at(begins + 7200) is None
    for moment in (begins, begins + 7199):
        silence = window().open_at(moment)
        assert silence is not None
        assert (silence.begins, silence.until) == (begins, begins + 7200)
        assert (silence.id, silence.window) == (f"maintenance-window-weekly-{begins:.0f}", "weekly")
        assert (silence.scope, silence.is_maintenance) == ("group:web", True)


@pytest.mark.parametrize(
    ("cron", "day", "begins"),
    [
        # 2026-03-29: 02:00 to 03:00 are left out in Berlin. 2026-10-25: they come twice.
        ("30 2 * * *", "2026-03-29", ["2026-03-29T03:00+02:00"]),
        ("30 2 * * *", "2026-10-25", ["2026-10-25T02:30+02:00"]),
        ("0 4 * * *", "2026-03-29", ["2026-03-29T04:00+02:00"]),
        ("0 4 * * *", "2026-10-25", ["2026-10-25T04:00+01:00"]),
    ],
)
def test_on_the_days_when_clocks_change_it_opens_once(
    cron: str, day: str, begins: list[str]
) -> None:
    daily = window(cron=cron)
    start = datetime.fromisoformat(day).replace(tzinfo=BERLIN).timestamp()
    opened = {
        silence.begins
        for minute in range(20 * 60)
        if (silence := daily.open_at(start + 4 * 3600 + 60 * (minute - 240)))
        and silence.begins >= start
    }
    assert sorted(opened) == [at(text) for text in begins]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"cron": "tomorrow"}, "cron"),
        ({"cron": ""}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"for": "30s"}, "for"),
        ({"for": "a while"}, "for"),
        ({"for": "31d"}, "for"),
        ({"agent": "ada"}, "group"),
        ({"group": ""}, "group"),
        ({"site": " "}, "site"),
        ({"agent": ""}, "agent"),
        ({"code": ""}, "code"),
        ({"code": "agent-ofline"}, "code"),
        ({"cron": "0 * * * *", "for": "1h"}, "for"),
        ({"cron": "0 2 * * *", "for": "30d"}, "for"),
    ],
)
def test_what_is_not_usable_is_named(changes: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as told:
        window(**changes)
    assert told.value.what == f"[maintenance.weekly] {key} is not usable"


def test_the_code_that_was_meant_is_named() -> None:
    with pytest.raises(ConfigError, match='code = "agent-offline"'):
        window(code="agent-ofline")


def test_a_code_of_the_deployments_own_may_be_named() -> None:
    assert window(code="gpu-hot").code == "gpu-hot"


def test_a_window_that_closes_once_in_a_while_is_none_without_end() -> None:
    assert window(cron="0 0-22 * * *", **{"for": "1h"}).seconds == 3600
