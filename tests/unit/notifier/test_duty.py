"""Who is on call by time of day, in the zone where they are."""

from __future__ import annotations

from datetime import datetime

import pytest

from fleet.notifier.duty import duty_of


@pytest.mark.parametrize(
    ("hours", "days", "at", "on"),
    [
        ("08:00-18:00", "mon-fri", "2026-11-30T08:00+01:00", True),  # a Monday
        ("08:00-18:00", "mon-fri", "2026-11-30T18:00+01:00", False),
        ("08:00-18:00", "mon-fri", "2026-11-29T12:00+01:00", False),
        ("18:00-08:00", "mon-fri", "2026-11-30T23:00+01:00", True),
        ("18:00-08:00", "mon-fri", "2026-11-30T07:59+01:00", False),  # Sunday's night
        ("18:00-08:00", "mon-fri", "2026-12-05T07:59+01:00", True),  # Friday's night
        ("", "sat,sun", "2026-11-29T00:00+01:00", True),
        ("", "fri-mon", "2026-11-29T12:00+01:00", True),
        ("", "fri-mon", "2026-12-01T12:00+01:00", False),
        ("08:00-18:00", "", "2026-07-01T08:00+02:00", True),  # in summer, too
        ("08:00-18:00", "", "2026-07-01T07:00+01:00", True),
        ("00:00-24:00", "", "2026-07-01T23:59+02:00", True),
    ],
)
def test_it_is_on_by_the_clock_there(hours: str, days: str, at: str, on: bool) -> None:
    duty = duty_of(hours, days, "Europe/Berlin")
    assert duty is not None
    assert duty.covers(datetime.fromisoformat(at).timestamp()) is on


def test_two_routes_share_each_minute_of_a_week() -> None:
    day, night = (duty_of(hours, "", "Asia/Kolkata") for hours in ("08:00-18:00", "18:00-08:00"))
    assert day is not None
    assert night is not None
    assert all(day.covers(at) is not night.covers(at) for at in range(0, 7 * 86_400, 60))


@pytest.mark.parametrize(
    ("hours", "days", "zone"),
    [
        ("8-18", "", ""),
        ("08:00-08:00", "", ""),
        ("08:00-24:30", "", ""),
        ("", "monday", ""),
        ("08:00-18:00", "", "Mars/Olympus"),
        ("", "", "Europe/Berlin"),
    ],
)
def test_what_is_not_usable_is_refused(hours: str, days: str, zone: str) -> None:
    with pytest.raises(ValueError, match=r"hours|days|zone"):
        duty_of(hours, days, zone)
