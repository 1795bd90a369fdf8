"""Families about capacity: what ends within weeks, and limits; the worst of a large fleet."""

from __future__ import annotations

from typing import Final

from fleet.metrics.agent_families import Family

MOST: Final = 1000
"""Series of a family: the soonest ends and the most used limits; `GET /v1/forecast` has all."""

_SERIES: Final = f"at most {MOST}"

EXHAUSTION: Final = Family(
    "fleet_forecast_exhaustion_seconds",
    "gauge",
    "until nothing of an agent's disk or memory is left, at the present rate: within 30 days",
    ("agent", "metric", "confidence"),
    _SERIES,
)
SLOPE: Final = Family(
    "fleet_forecast_change_bytes_per_day",
    "gauge",
    "how what is left changes a day, of what ends within 30 days",
    ("agent", "metric"),
    _SERIES,
)
USED: Final = Family(
    "fleet_forecast_quota_used_ratio",
    "gauge",
    "how much of a limit of [quotas] is used; agent is empty for one of a group or of the fleet",
    ("quota", "agent", "group"),
    _SERIES,
)
QUOTA_EXHAUSTION: Final = Family(
    "fleet_forecast_quota_exhaustion_seconds",
    "gauge",
    "until a limit of [quotas] is reached, at the usual rate; absent: not within its window",
    ("quota", "agent", "group"),
    _SERIES,
)
GROUP_USED: Final = Family(
    "fleet_forecast_used",
    "gauge",
    "tokens or cost of a group today and this month so far; no group: the whole fleet",
    ("group", "metric", "unit", "window"),
    _SERIES,
)
GROUP_AT_END: Final = Family(
    "fleet_forecast_used_at_end",
    "gauge",
    "the same by the end of the day or month, if days go on as the same weekdays went",
    ("group", "metric", "unit", "window"),
    _SERIES,
)
COMPUTED: Final = Family(
    "fleet_forecast_age_seconds", "gauge", "time since forecasts were computed", (), "1"
)

CAPACITY_FAMILIES: Final = (
    EXHAUSTION, SLOPE, USED, QUOTA_EXHAUSTION, GROUP_USED, GROUP_AT_END, COMPUTED,
)  # fmt: skip
