"""Times and spans as people type them: `90s`, `15m`, `6h`, `2d`, or RFC 3339."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

import click

from fleet.contract.spans import seconds_of

DAY: Final = 86_400.0


class Seconds(click.ParamType[float]):
    """A span; converts to seconds, of which there are at least and at most so many."""

    name = "span"

    def __init__(self, least: float = 0.0, most: float = float("inf")) -> None:
        self._least = least
        self._most = most

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, int | float):
            return float(value)
        seconds = seconds_of(value)
        if seconds is None:
            self.fail(f"{value!r} is not a span like 90s, 15m, 6h or 2d", param, ctx)
        if not self._least <= seconds <= self._most:
            self.fail(f"{value!r} is not {self._least:g}s to {self._most / DAY:g}d", param, ctx)
        return seconds


class Moment(click.ParamType[float]):
    """A time, or a span back from now; converts to seconds since the epoch."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, int | float):
            return float(value)
        span = seconds_of(value)
        if span is not None:
            return time.time() - span
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a span like 6h nor a time like 2026-03-18T21:30:00Z")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
