"""`TimelineStore` for both SQL stores: tables run a statement with `?`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fleet.domain.beat_bar import Heard
from fleet.store.pairs import Transactions
from fleet.store.records import HOUR
from fleet.store.timelines import (
    MAX_CHANGES,
    MAX_SPANS,
    Span,
    heard,
    marked,
    since_the_last_before,
)

NewestBeats = Callable[[Any, Sequence[int], int], dict[int, list[tuple[float, bytes]]]]


class Dialect(NamedTuple):
    """What a database is asked in its own way. `newest_beats`: (tables, agents by number, how many
    of each) → when and what, newest first. `hours`: a statement for the hours and metrics of one
    agent, with the first hour, the last and the agent."""

    newest_beats: NewestBeats
    hours: str


_VERDICTS: Final = (
    "SELECT at, word FROM event WHERE fact = 'verdict' AND agent = ? ORDER BY id DESC LIMIT ?"
)
_LAST_HOUR: Final = "SELECT max(hour) FROM rollup"
MOST_HOURS: Final = 24 * 31
"""Read of a metric: an hour of a clock that was years ahead is none to walk to."""

_LAST: Final = "SELECT number, began, ended FROM listening ORDER BY number DESC LIMIT 1"


class SqlTimelines:
    """See `TimelineStore`."""

    def __init__(self, transactions: Transactions, dialect: Dialect) -> None:
        self._write, self._read = transactions.write, transactions.read
        self._dialect = dialect

    async def beats(self, agents: Sequence[str], limit: int) -> dict[str, list[Heard]]:
        def ask(tables: Any) -> dict[str, list[Heard]]:
            names = _names(tables, agents)
            found = self._dialect.newest_beats(tables, list(names), limit)
            return {
                names[number]: [heard(at, payload) for at, payload in reversed(rows)]
                for number, rows in found.items()
                if rows
            }

        return await self._read(ask)

    async def verdicts(
        self, agents: Sequence[str], since: float
    ) -> dict[str, list[tuple[float, str]]]:
        def ask(tables: Any) -> dict[str, list[tuple[float, str]]]:
            rows = {name: tables.run(_VERDICTS, (name, MAX_CHANGES)) for name in agents}
            return {
                name: since_the_last_before([(at, word) for at, word in reversed(found)], since)
                for name, found in rows.items()
                if found
            }

        return await self._read(ask)

    async def metric_hours(
        self, agents: Sequence[str], metric: str, since: float
    ) -> dict[str, list[tuple[float, float]]]:
        def ask(tables: Any) -> dict[str, list[tuple[float, float]]]:
            ((last,),) = tables.run(_LAST_HOUR, ())
            if last is None:
                return {}
            until = min(last, int(since // HOUR) + MOST_HOURS)
            found = {}
            for number, name in _names(tables, agents).items():
                rows = tables.run(self._dialect.hours, (int(since // HOUR), until, number))
                points = [(float(hour * HOUR), _last_of(text, metric)) for hour, text in rows]
                known = [(at, value) for at, value in points if value is not None]
                if known:
                    found[name] = known
            return found

        return await self._read(ask)

    async def listened(self) -> list[Span]:
        def ask(tables: Any) -> list[Span]:
            return [(b, e) for b, e in tables.run("SELECT began, ended FROM listening", ())]

        return sorted(await self._read(ask))

    async def listen(self, now: float) -> None:
        def mark(tables: Any) -> None:
            rows = tables.run(_LAST, ())
            number, last = (rows[0][0], rows[0][1:]) if rows else (0, None)
            (began, ended), is_new = marked(last, now)
            if is_new:
                tables.run("INSERT INTO listening VALUES (?, ?, ?)", (number + 1, began, ended))
                tables.run("DELETE FROM listening WHERE number <= ?", (number + 1 - MAX_SPANS,))
            else:
                tables.run("UPDATE listening SET ended = ? WHERE number = ?", (ended, number))

        await self._write(mark)


def _names(tables: Any, agents: Sequence[str]) -> Mapping[int, str]:
    """Those that the store knows, by number."""
    if not agents:
        return {}
    places = ", ".join("?" * len(agents))
    return dict(tables.run(f"SELECT id, name FROM agent WHERE name IN ({places})", agents))  # noqa: S608 - our own words


def _last_of(text: str, metric: str) -> float | None:
    values = json.loads(text).get(metric)
    return values[2] if values else None
