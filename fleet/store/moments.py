"""Which ids belong to which times: an entry each ten seconds, in the table `moment`.

Ids grow for ever, times do not: where the hub's clock steps back, a new era begins. Within one,
ids and times grow together, so that a few look-ups find where messages of some time lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final, Protocol

from fleet.store.records import StoredMessage

MOMENT: Final = 10
"""Seconds between entries; a query reads at most this much in vain."""

END: Final = 2**62
"""Above every id."""

MAX_ERAS: Final = 64
"""Eras that a query looks into; where there are more, it reads the rest in vain."""

Place = tuple[int, int]
"""An era, and a moment in it."""

NOWHERE: Final = (0, -(2**62))
"""Before the first message."""


class Database(Protocol):
    """What has the table `moment`, and understands standard SQL with `?` for values."""

    def execute(self, query: str, values: Any = ..., /) -> Any: ...

    def executemany(self, query: str, rows: Iterable[Any], /) -> Any: ...


def newest(database: Database) -> Place:
    """Where the last message was entered."""
    query = "SELECT era, at FROM moment ORDER BY era DESC, at DESC LIMIT 1"
    place: Place | None = database.execute(query).fetchone()
    return place or NOWHERE


Entry = tuple[int, int, int]
"""An era, a moment in it, and the first id of it."""


def enter(database: Database, messages: list[StoredMessage], last: Place) -> Place:
    """Enter a batch that follows after `last`; where it ends."""
    found, place = entries(messages, last)
    database.executemany("INSERT INTO moment VALUES (?, ?, ?) ON CONFLICT DO NOTHING", found)
    return place


def entries(messages: list[StoredMessage], last: Place) -> tuple[list[Entry], Place]:
    """What is to be entered of a batch that follows after `last`, and where it ends."""
    found: list[Entry] = []
    for message in _first_of_runs(messages):
        era, at = last
        moment = int(message.at // MOMENT) * MOMENT
        if moment != at:
            last = (era + (moment < at and last is not NOWHERE), moment)
            found.append((*last, message.id))
    return found, last


def _first_of_runs(messages: list[StoredMessage]) -> Iterator[StoredMessage]:
    """The first message, and each with which the time goes back."""
    yield from messages[:1]
    if messages and messages[-1].at < messages[0].at:
        yield from (later for before, later in pairwise(messages) if later.at < before.at)


def bounds(database: Database, since: float, until: float) -> tuple[int, int]:
    """The ids between which all messages of these times lie, among others perhaps."""
    if since <= 0 and until == float("inf"):
        return 1, END
    oldest, latest = database.execute(
        "SELECT (SELECT era FROM moment ORDER BY era LIMIT 1),"
        " (SELECT era FROM moment ORDER BY era DESC LIMIT 1)"
    ).fetchone()
    if oldest is None or latest - oldest >= MAX_ERAS:
        return 1, END
    found = [
        ids
        for era in range(oldest, latest + 1)
        if (ids := _of_era(database, era, since, until, is_oldest=era == oldest))
    ]
    return (min(low for low, _ in found), max(high for _, high in found)) if found else (1, 0)


_WHERE: Final = (
    "era > ? ORDER BY era, at",
    "era = ? AND at > ?",
    "era = ? AND at <= ?",
    "era = ? AND at <= ? ORDER BY at DESC",
    "era = ? ORDER BY at",
    "era = ? AND at > ? ORDER BY at",
)
_LOOK: Final = "SELECT " + ", ".join(f"(SELECT id FROM moment WHERE {w} LIMIT 1)" for w in _WHERE)  # noqa: S608 - our own words
"""Six short looks into an index, in one question: each costs a round trip where a server answers.

The first entry of a later era; one of this era in or after the times asked for, one before their
end; the last before their beginning; the first of all; the first after their end.
"""


def _of_era(
    database: Database, era: int, since: float, until: float, *, is_oldest: bool
) -> tuple[int, int] | None:
    """The ids of one era between which these times lie; None: it has none of them."""

    values = (era, era, since - MOMENT, era, until, era, since, era, era, until)
    after, reaches, begins, before, oldest, beyond = database.execute(_LOOK, values).fetchone()
    if after is not None and reaches is None:
        return None
    if not is_oldest and begins is None:
        return None
    first = before if before is not None else 1 if is_oldest else oldest or 1
    return first, beyond or after or END


def forget(database: Database, below: int) -> None:
    """Drop the entries of messages whose ids are below."""
    database.execute("DELETE FROM moment WHERE id < ?", (below,))
