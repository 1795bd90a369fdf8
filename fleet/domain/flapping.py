"""An alert that comes and goes: told once as flapping, and once when it has settled.

Pure: time is an argument. Of each alert only the last few beginnings are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

from fleet.domain.hub_clock import Step

REPEAT: Final = 1800.0
"""Seconds after which a critical alert that still flaps, and nobody acknowledged, is told again:
its changes are not, so silence would look like peace."""


class FlapNews(StrEnum):
    """What a message says beside the state."""

    NONE = ""
    FLAPS = "flapping"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class FlapLimits:
    """An alert flaps that begins for the `times`-th time within `window` seconds; it has settled
    when it kept one state for half as long."""

    times: int = 3
    window: float = 600.0

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> Self:
        """As the tables of the settings have it."""
        table = tables.get("alerts", {})
        return cls(table.get("flap_times", cls().times), table.get("flap_window", cls().window))

    @property
    def calm(self) -> float:
        return self.window / 2


DEFAULT: Final = FlapLimits()


@dataclass(frozen=True, slots=True)
class Flaps:
    """How one alert came and went: its last beginnings, since when it flaps, and when operators
    were last told that it does (all in s since the epoch; None: it does not, they were not)."""

    begun: tuple[float, ...] = ()
    since: float | None = None
    told_at: float | None = None

    def fired(self, at: float, limits: FlapLimits) -> Flaps:
        """It begins once more."""
        begun = (*self.begun, at)[-limits.times :]
        often = len(begun) == limits.times and at - begun[0] <= limits.window
        since = begun[0] if self.since is None and often else self.since
        return replace(self, begun=begun, since=since)

    def is_calm(self, changed_at: float, now: float, limits: FlapLimits) -> bool:
        """Whether it flapped, and kept the state since `changed_at` for long enough."""
        return self.since is not None and now - changed_at >= limits.calm

    @property
    def settled(self) -> Flaps:
        """It does not flap any more; that may be still to be told."""
        return Flaps(told_at=self.told_at)

    def told(self, now: float) -> Flaps:
        """Operators know how it is."""
        return replace(self, told_at=None if self.since is None else now)

    @property
    def is_told(self) -> bool:
        return (self.since is None) is (self.told_at is None)

    @property
    def news(self) -> FlapNews:
        """What a message that is sent now says of it."""
        if self.since is not None:
            return FlapNews.FLAPS
        return FlapNews.NONE if self.told_at is None else FlapNews.SETTLED

    def is_to_be_repeated(self, now: float) -> bool:
        return self.since is not None and self.told_at is not None and now - self.told_at >= REPEAT

    def moved(self, step: Step) -> Flaps:
        """It where the hub's stamps moved."""
        since, told_at = (
            None if at is None else step.moved(at) for at in (self.since, self.told_at)
        )
        return Flaps(tuple(map(step.moved, self.begun)), since, told_at)

    def as_json(self) -> list[Any]:
        """As the store keeps it."""
        return [list(self.begun), self.since, self.told_at]

    @classmethod
    def from_json(cls, kept: list[Any]) -> Self:
        """What `as_json` made."""
        return cls(tuple(kept[0]), kept[1], kept[2])


STEADY: Final = Flaps()
