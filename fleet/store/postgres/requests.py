"""Requests to the hub that leads, as rows: put by one that reads, taken once, answered, gone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Final

from fleet.store.postgres.connection import Connection, Database
from fleet.store.postgres.meta import number
from fleet.store.shared import Answer, Request, TooManyRequestsError

MOST: Final = 500
"""Requests that may wait: some seconds of work. More are refused at once."""

KEPT: Final = 120
"""Seconds that a row stays after its time is over: whoever asked has long gone."""

SWEEP: Final = 60.0
"""Seconds between looks for such rows."""

_WAITS: Final = (
    "SELECT 1 FROM request WHERE status IS NULL AND (taken IS NULL AND expires > now()"
    " OR taken < %s) LIMIT 1"
)

_LOST: Final = Answer(
    503,
    "application/problem+json",
    b'{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the hub that'
    b' took this was lost before it answered: it may have been done","try":"look whether it was'
    b' done, then ask again"}',
)


class Requests:
    """See `fleet.store.shared.RequestOutbox`. `fence` is the end of a transaction that only who
    leads may make; `epoch` tells that of its lease."""

    def __init__(
        self,
        database: Database,
        fence: Callable[[], str],
        epoch: Callable[[], int | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._swept = float("-inf")
        self._database = database
        self._fence = fence
        self._epoch = epoch

    def put(self, request: Request, seconds: float) -> None:
        def put(connection: Connection) -> None:
            waiting = "SELECT count(*) FROM request WHERE status IS NULL AND expires > now()"
            if (number(connection, waiting) or 0) >= MOST:
                raise TooManyRequestsError
            connection.execute(
                "INSERT INTO request (id, expires, role, agent, token, method, path, kind, body,"
                " headers)"
                " VALUES (%s, clock_timestamp() + make_interval(secs => %s), %s, %s, %s, %s, %s,"
                " %s, %s, %s) ON CONFLICT (id) DO NOTHING",
                (request.id, seconds, request.role, request.agent, request.token, request.method,
                 request.path, request.kind, request.body, json.dumps(dict(request.headers))),
            )  # fmt: skip

        self._database.transaction(put)

    def answer_of(self, request: str) -> Answer | None:
        def take_away(connection: Connection) -> Answer | None:
            row = connection.execute(
                "DELETE FROM request WHERE id = %s AND status IS NOT NULL"
                " RETURNING status, answer_kind, answer, answer_headers",
                (request,),
            ).fetchone()
            return Answer(*row) if row else None

        is_there = self._database.snapshot(
            lambda connection: connection.execute(
                "SELECT 1 FROM request WHERE id = %s AND status IS NOT NULL", (request,)
            ).fetchone()
        )
        return self._database.transaction(take_away) if is_there else None

    def withdraw(self, request: str) -> bool:
        def withdraw(connection: Connection) -> bool:
            query = "DELETE FROM request WHERE id = %s AND taken IS NULL AND status IS NULL"
            return connection.execute(query, (request,)).rowcount == 1

        return self._database.transaction(withdraw)

    def take(self, limit: int) -> list[Request]:
        self._sweep()
        epoch = self._epoch() or 0
        waits = self._database.snapshot(
            lambda connection: connection.execute(_WAITS, (epoch,)).fetchone()
        )
        if not waits:
            return []

        def take(connection: Connection) -> list[Request]:
            connection.execute(
                "UPDATE request SET status = %s, answer_kind = %s, answer = %s,"
                " answer_headers = '{}' WHERE status IS NULL AND taken < %s",
                (_LOST.status, _LOST.kind, _LOST.body, epoch),
            )
            rows = connection.execute(
                "UPDATE request SET taken = %s WHERE id IN (SELECT id FROM request WHERE"
                " status IS NULL AND taken IS NULL AND expires > now() ORDER BY id LIMIT %s"
                " FOR UPDATE SKIP LOCKED)"
                " RETURNING id, role, agent, token, method, path, kind, body, headers",
                (epoch, limit),
            ).fetchall()
            return [Request(*row) for row in sorted(rows)]

        return self._database.transaction(take, self._fence())

    def answer(self, request: str, answer: Answer) -> None:
        headers = json.dumps(dict(answer.headers))
        self._database.transaction(
            lambda connection: connection.execute(
                "UPDATE request SET status = %s, answer_kind = %s, answer = %s, answer_headers = %s"
                " WHERE id = %s",
                (answer.status, answer.kind, answer.body, headers, request),
            ),
            self._fence(),
        )

    def _sweep(self) -> None:
        """Whoever asked takes the answer away, unless it is gone."""
        now = self._clock()
        if now - self._swept < SWEEP:
            return
        self._database.transaction(
            lambda connection: connection.execute(
                "DELETE FROM request WHERE expires < now() - make_interval(secs => %s)", (KEPT,)
            ),
            self._fence(),
        )
        self._swept = now
