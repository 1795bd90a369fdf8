"""What a page and a commit cost of round trips to a server, and of rows that nobody asked for:
counted, since each is a moment of waiting where the database is on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from fleet.store.records import Batch
from tests.support import postgres
from tests.support.stores import BEAT, PostgresPlace, stored
from tests.support.telemetry import NOON

pytestmark = postgres.needs_postgres

AGENTS = 50


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every statement with how many rows it gave."""
    found: list[tuple[str, int]] = []
    execute = psycopg.Connection.execute

    def counted(self: Any, query: Any, *given: Any, **more: Any) -> Any:
        cursor = execute(self, query, *given, **more)
        found.append((str(query), cursor.rowcount))
        return cursor

    monkeypatch.setattr(psycopg.Connection, "execute", counted)
    return found


async def test_a_page_takes_few_round_trips_and_no_list_of_all_agents(
    tmp_path: Path, asked: list[tuple[str, int]]
) -> None:
    store = PostgresPlace(tmp_path).store()
    store.open()
    await store.commit(Batch([stored(n + 1, f"agent-{n}", BEAT, NOON + n) for n in range(AGENTS)]))
    try:
        for trips, wanted in (
            (4, {}),  # begin, page, names, end
            (6, {"since": NOON}),  # and where these times lie: which eras, and their ids
            (7, {"since": NOON, "until": NOON + 9, "agent": "agent-7"}),  # and whose number
        ):
            asked.clear()
            page = await store.history(limit=3, **wanted)  # type: ignore[arg-type]
            assert page.messages
            assert len(asked) == trips, asked
            assert max(rows for _, rows in asked) <= 3, asked
    finally:
        await store.close()


async def test_a_batch_of_messages_takes_four_statements_however_many_they_are(
    tmp_path: Path, asked: list[tuple[str, int]]
) -> None:
    """Begin, what is kept beside the messages, records, end; the messages themselves by COPY."""
    store = PostgresPlace(tmp_path).store()
    store.open()
    try:
        first = [stored(n + 1, f"agent-{n}") for n in range(AGENTS)]
        await store.commit(Batch(first))
        asked.clear()
        known = [stored(n + 1 + AGENTS, f"agent-{n}", at=NOON + n) for n in range(AGENTS)]
        records: Any = [(f"agent-{n}", AGENTS, {"verdict": "ok"}) for n in range(AGENTS)]
        await store.commit(Batch(known, records=records, replay_from=AGENTS))
        assert len(asked) == 4, asked
        page = await store.history(since=NOON + 30, limit=AGENTS)
        assert [message.at for message in page.messages] == [NOON + n for n in range(30, AGENTS)]
    finally:
        await store.close()
