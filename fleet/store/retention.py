"""How long a store keeps what: the table `[retention]` of the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from fleet.contract.errors import ConfigError

DAY: Final = 86_400.0
MEGABYTE: Final = 1e6
GIGABYTE: Final = 1e9

TimeFor = Callable[[float], float]
"""The time (s since the epoch) by which what is kept for so many days is judged."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept, in days; dead letters and events are bounded by number, too, and all
    of it by size.

    `max_gb`: what the database may take; beyond it the oldest messages go before their time.
    `agent_mb_a_day`: what is stored of one agent in a day. An agent with every field full that
    beats each second fills two thirds of it.
    """

    raw: float = 14
    rollups: float = 365
    dead_letters: float = 30
    events: float = 90
    commands: float = 90
    max_dead_letters: int = 10_000
    max_events: int = 1_000_000
    max_gb: float = 64
    agent_mb_a_day: float = 256

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Retention:
        """From the table `[retention]` of the settings.

        Raises:
            ConfigError: an unknown key, or a value that is no positive number.
        """
        known = {field.name for field in fields(cls)}
        for key, value in table.items():
            good = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
            if key not in known or not good:
                raise ConfigError(
                    f"[retention] {key} = {value!r} is not usable",
                    "known are " + ", ".join(sorted(known)),
                    "raw = 14  # days",
                )
        return cls(**table)


def expired(rows: Iterable[tuple[int, float]], before: float, now: float) -> int | None:
    """The id up to which `rows` (id, time; in order of ids) are older than `before`; None: none.

    The order of ids is the truth. A row of the future was stamped by a clock that was wrong: it is
    as old as the next one. A row that only claims to be old stays until those before it go.
    """
    last = None
    for id_, at in rows:
        if at < before:
            last = id_
        elif at <= now:
            break
    return last
