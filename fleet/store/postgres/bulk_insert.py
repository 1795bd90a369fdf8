"""Many rows a statement: messages by COPY, the rest as one array a column.

The text of a statement is the same for any number of rows. A hub is kept in the order: COPY comes
first in a transaction, since a server waits for its end without a bound, and it locks no row.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

from fleet.store.moments import Entry
from fleet.store.postgres.connection import Connection
from fleet.store.records import StoredMessage
from fleet.store.row_mapping import KIND_NUMBER, Row, portable_text

_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_ROW: Final = struct.Struct(">hiqidiiihi?i")
"""Six fields, each after its length: id, time, agent, kind, retained; the length of the payload."""
_END: Final = struct.pack(">h", -1)

_COPY: Final = "COPY message (id, at, agent, kind, retained, payload) FROM STDIN (FORMAT binary)"


def append_messages(
    connection: Connection, messages: list[StoredMessage], agents: dict[str, int]
) -> None:
    """Append `messages`, whose agents have the numbers `agents`, inside a transaction."""
    parts = [_HEAD]
    pack = _ROW.pack
    for id_, at, agent, kind, retained, payload in messages:
        number, size = agents[agent], len(payload)
        parts += (pack(6, 8, id_, 8, at, 4, number, 2, KIND_NUMBER[kind], 1, retained, size),
                  payload)  # fmt: skip
    parts.append(_END)
    with connection.cursor().copy(_COPY) as copy:
        copy.write(b"".join(parts))


_BOOKS: Final = """
    WITH counted AS (
        UPDATE month_of_messages AS month SET bytes = bytes + new.size
        FROM unnest(%s::integer[], %s::bigint[]) AS new (month, size)
        WHERE month.month = new.month
    ), known AS (
        INSERT INTO meta SELECT * FROM unnest(%s::text[], %s::bigint[])
        ON CONFLICT (name) DO UPDATE SET value = excluded.value
    )
    INSERT INTO moment SELECT * FROM unnest(%s::bigint[], %s::float8[], %s::bigint[])
    ON CONFLICT DO NOTHING
"""


def keep_books(
    connection: Connection,
    sizes: Mapping[int, int],
    entries: Sequence[Entry],
    meta: Mapping[str, int],
) -> None:
    """What is written beside messages, in one statement: bytes by month, which ids belong to which
    times, numbers of the store by name."""
    eras, times, ids = ([entry[place] for entry in entries] for place in range(3))
    values = (list(sizes), list(sizes.values()), list(meta), list(meta.values()), eras, times, ids)
    connection.execute(_BOOKS, values)


def _text(value: Any) -> Any:
    return None if value is None else portable_text(value)


def _float(value: Any) -> Any:
    return None if value is None else float(value)


def _same(value: Any) -> Any:
    return value


_CASTS: Final[dict[str, Callable[[Any], Any]]] = {
    "text": _text,
    "float8": _float,
    "bigint": _same,
    "bytea": _same,
    "boolean": bool,
}

COLUMNS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    name: tuple(cast("tuple[str, str]", tuple(column.split(":"))) for column in columns.split())
    for name, columns in {
        "event": "id:bigint at:float8 fact:text agent:text word:text severity:text amount:float8"
        " ref:text",
        "dead_letter": "id:bigint at:float8 topic:bytea payload:bytea retained:boolean"
        " reason:text field:text",
        "record": "agent:text upto:bigint state:text",
        "alert": "agent:text code:text severity:text state:text since:float8 told:text"
        " value:float8 acknowledged_by:text acknowledged_at:float8 told_severity:text flaps:text"
        " told_at:float8 routes:text",
        "silence": 'id:text until:float8 agent:text code:text "by":text scope:text members:text'
        " begins:float8 ended:boolean",
        "command": 'id:text agent:text verb:text priority:text ttl:bigint created:float8 "by":text'
        " reply_to:text state:text sent:float8 ended:float8 code:text took:float8 broadcast:text",
        "rollup": "hour:bigint agent:bigint beats:bigint failing:bigint statuses:bigint"
        " alerts:bigint metrics:text",
    }.items()
}
"""Columns of each table, with their types."""

KEYS: Final = {"alert": ("agent", "code"), "record": ("agent",), "rollup": ("hour", "agent")}
"""Of those whose key is not `id`."""

_KEY: Final = ("id",)


def insert_many(connection: Connection, table: str, rows: Iterable[Row], known: str = "") -> None:
    """Insert whole `rows`, inside a transaction; one whose key is known is replaced, or treated as
    the clause `known` says."""
    names = [name for name, _ in COLUMNS[table]]
    places = [names.index(name) for name in KEYS.get(table, _KEY)]
    waiting = list(rows)
    while waiting:
        # A statement changes a row once: what comes again has to wait for the next.
        now: dict[Row, Row] = {}
        later: list[Row] = []
        for row in waiting:
            key = tuple(row[place] for place in places)
            if key in now:
                later.append(row)
            else:
                now[key] = row
        columns = zip(*now.values(), strict=True)
        arrays = [
            [_CASTS[type_](value) for value in column]
            for (_, type_), column in zip(COLUMNS[table], columns, strict=True)
        ]
        connection.execute(_statement(table, known), arrays)
        waiting = later


@cache
def _statement(table: str, known: str) -> str:
    columns, key = COLUMNS[table], KEYS.get(table, _KEY)
    arrays = ", ".join(f"%s::{type_}[]" for _, type_ in columns)
    names = ", ".join(name for name, _ in columns)
    others = [name for name, _ in columns if name not in key]
    replaced = ", ".join(f"{name} = excluded.{name}" for name in others)
    conflict = known or f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replaced}"
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) {conflict}"  # noqa: S608 - our own names
