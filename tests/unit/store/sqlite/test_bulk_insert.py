"""Rows written many a statement."""

from __future__ import annotations

import sqlite3

import pytest

from fleet.contract.vocabulary import MessageKind
from fleet.store.records import StoredMessage
from fleet.store.sqlite.bulk_insert import SIZES, append_messages, insert_many
from fleet.store.sqlite.migrations import migrate

AGENTS = {"ada": 1, "bob": 2}


def message(number: int) -> StoredMessage:
    kind = (MessageKind.HEARTBEAT, MessageKind.STATUS, MessageKind.ALERT)[number % 3]
    agent = "ada" if number % 2 else "bob"
    return StoredMessage(number + 1, 5.5 + number, agent, kind, number % 5 == 0, b"%d" % number)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 49, 56, 500, 1234])
def test_every_row_is_there_once_and_whole(count: int) -> None:
    database = sqlite3.connect(":memory:")
    migrate(database)
    messages = [message(number) for number in range(count)]
    append_messages(database, messages, AGENTS)
    rows = database.execute("SELECT id, at, agent, kind, retained, payload FROM message").fetchall()
    kinds = [MessageKind.HEARTBEAT, MessageKind.STATUS, MessageKind.ALERT]
    assert rows == [
        (m.id, m.at, AGENTS[m.agent], kinds.index(m.kind), m.retained, m.payload) for m in messages
    ]
    database.close()


def test_a_statement_stays_within_the_parameters_that_sqlite_takes() -> None:
    database = sqlite3.connect(":memory:")
    assert max(SIZES) * 14 <= database.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    database.close()


def test_a_row_that_is_known_is_replaced_or_mended() -> None:
    database = sqlite3.connect(":memory:")
    migrate(database)
    insert_many(database, "meta", 2, [("a", 1), ("b", 2)] * 30)
    insert_many(database, "meta", 2, [("b", 5)])
    mend = "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
    insert_many(database, "meta", 2, [("a", 7)] * 6, verb="INSERT", conflict=mend)
    assert dict(database.execute("SELECT name, value FROM meta")) == {"a": 43, "b": 5}
    database.close()
