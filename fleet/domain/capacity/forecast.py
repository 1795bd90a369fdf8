"""What is said of one thing that is used up, and how far it can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from fleet.contract.timestamps import epoch, timestamp
from fleet.contract.vocabulary import Severity, Word

HOUR: Final = 3600.0
DAY: Final = 86_400.0

KNOWN: Final = 35 * DAY
"""Seconds of the past that count: a month and the days of its end, and four of each weekday."""

MIN_AGE, MIN_POINTS = DAY, 30
"""Seconds and hours of a metric below which nothing is said."""


class Point(NamedTuple):
    """An hour of a metric: its start, s since the epoch, and the last value in it."""

    at: float
    value: float


class Confidence(Word):
    """How far a forecast can be believed."""

    HIGH = "high", "hours and days agree; of use, at least two of the same weekday are known"
    LOW = "low", "they do not agree, it came back from as low before, or too few days are known"
    UNKNOWN = "unknown", "less than a day, or than 30 hours, are known"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What becomes of a metric of an agent, or of a group; of neither: of the whole fleet.

    Attributes:
        metric: its name; `tokens`, `tokens_input`, `tokens_output` or `cost` for what is used.
        unit: bytes, tokens, or the currency of the prices.
        now: the newest value of what is left; what is used in the window so far.
        per_day: change a day by the longest look, or what such a weekday usually uses; `low` and
            `high` bound it; None while unknown.
        exhausts_at: s since the epoch; None: not at this rate.
        basis: what it was computed from.
        severity: how much it matters; None: nobody is to be told.
        window: of what is used: `day`, `month`, `week`, or a span like `5h`.
        ends_at: the end of a window of the calendar, s since the epoch.
        at_end: what will be used by then.
        quota, limit: the name of a limit of the settings, and how much it allows.
    """

    agent: str
    metric: str
    unit: str
    now: float
    per_day: float | None
    low: float | None
    high: float | None
    exhausts_at: float | None
    basis: str
    confidence: Confidence
    severity: Severity | None = None
    group: str = ""
    window: str = ""
    ends_at: float | None = None
    at_end: float | None = None
    quota: str = ""
    limit: float | None = None

    @property
    def share(self) -> float | None:
        """How much of its limit is used, 1.0 is all; None where there is none."""
        return None if self.limit is None else self.now / self.limit

    def as_dict(self) -> dict[str, Any]:
        """JSON form; what is not there is null."""
        return {
            "agent": self.agent or None,
            "group": self.group or None,
            "metric": self.metric,
            "unit": self.unit,
            "now": self.now,
            "per_day": self.per_day,
            "low": self.low,
            "high": self.high,
            "exhausts_at": _stamp(self.exhausts_at),
            "basis": self.basis,
            "confidence": self.confidence.value,
            "severity": self.severity.value if self.severity else None,
            "window": self.window or None,
            "ends_at": _stamp(self.ends_at),
            "at_end": self.at_end,
            "quota": self.quota or None,
            "limit": self.limit,
        }


def forecast_from(item: dict[str, Any]) -> Forecast:
    """The forecast whose `as_dict` is `item`, as a hub tells it.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    severity = item["severity"]
    return Forecast(
        agent=item["agent"] or "",
        metric=str(item["metric"]),
        unit=str(item["unit"]),
        now=float(item["now"]),
        per_day=_number(item["per_day"]),
        low=_number(item["low"]),
        high=_number(item["high"]),
        exhausts_at=_moment(item["exhausts_at"]),
        basis=str(item["basis"]),
        confidence=Confidence(item["confidence"]),
        severity=None if severity is None else Severity(severity),
        group=item["group"] or "",
        window=item["window"] or "",
        ends_at=_moment(item["ends_at"]),
        at_end=_number(item["at_end"]),
        quota=item["quota"] or "",
        limit=_number(item["limit"]),
    )


def soonest_first(one: Forecast) -> tuple[float, str, str, str, str, str]:
    """The key by which forecasts are listed."""
    end = float("inf") if one.exhausts_at is None else one.exhausts_at
    return end, one.agent, one.group, one.metric, one.window, one.quota


_LAST: Final = 4_102_444_800.0
"""The year 2100, s since the epoch: what ends later does not end."""


def within_reach(at: float | None) -> float | None:
    """`at`, or None where no calendar has it or nobody will see it."""
    return at if at is not None and at < _LAST else None


def _stamp(at: float | None) -> str | None:
    return None if at is None else timestamp(at)


def _moment(text: str | None) -> float | None:
    return None if text is None else epoch(text)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
