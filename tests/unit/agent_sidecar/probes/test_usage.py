"""Model calls in numbers: errors, refusals, stalls and cost without work."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent_sidecar.config import load
from agent_sidecar.kinds.nanobot_calls import UsageLog
from agent_sidecar.probes.usage import Calls, IdleCost, UsageProbe
from fleet.contract.vocabulary import Check


def good(*, age: float = 30.0) -> Calls:
    """Calls of which the last worked `age` seconds before now: a file may be imported an hour
    before its tests run."""
    last = time.time() - age
    return Calls(
        total=100,
        failed=1,
        tokens_input=5000,
        tokens_output=500,
        last_good=last,
        last_user=last,
        source_known=True,
        recent=10,
        recent_failed=1,
        refused=False,
        throttled=False,
    )


def probe(calls: Calls | None, **settings: str) -> UsageProbe:
    config = load(environ={"FLEET_AGENT": "alpha", **settings})
    return UsageProbe(config, lambda: calls, "numbers")


def raised(calls: Calls, **settings: str) -> set[str]:
    return {str(sign.code) for sign in probe(calls, **settings).run().evidence if sign.firing}


def test_calls_that_work_pass_with_their_numbers() -> None:
    result = probe(good()).run()
    assert result.check is Check.PASS
    assert result.metrics["tokens_input_total"] == 5000
    assert result.metrics["errors_total"] == 1
    assert result.metrics["work_age_seconds"] == pytest.approx(30, abs=20)
    assert raised(good()) == set()


@pytest.mark.parametrize(
    ("change", "age", "code"),
    [
        ({"recent_failed": 6}, 30.0, "error-rate"),
        ({"refused": True}, 30.0, "auth-failure"),
        ({"throttled": True}, 30.0, "rate-limited"),
        ({}, 9000.0, "work-stalled"),
    ],
)
def test_each_trouble_has_its_code(change: dict[str, object], age: float, code: str) -> None:
    calls = replace(good(age=age), **change)  # type: ignore[arg-type]
    assert raised(calls, FLEET_WORK_STALLED="3600") == {code}


def test_a_few_calls_say_nothing_of_a_rate() -> None:
    assert raised(replace(good(), recent=3, recent_failed=3)) == set()


def test_an_unreadable_source_is_unknown() -> None:
    assert probe(None).run().check is Check.UNKNOWN


def test_tokens_spent_without_user_work_are_idle_cost() -> None:
    idle = IdleCost(after=3600, limit=1000)
    assert idle.observe(50_000, worked=0.0, now=10_000.0) == 0, "what was before is nobody's"
    assert idle.observe(50_600, worked=0.0, now=10_010.0) == 600
    assert idle.observe(51_000, worked=10_015.0, now=10_020.0) == 600, "a user is at work"
    assert idle.observe(51_500, worked=0.0, now=10_030.0) == 1100
    assert idle.observe(51_500, worked=0.0, now=13_611.0) == 500, "an hour later"
    assert idle.observe(10, worked=0.0, now=13_612.0) == 500, "a counter that began anew"


def test_idle_cost_is_silent_where_it_is_off_or_work_is_not_known() -> None:
    assert IdleCost(after=3600, limit=0).observe(5, worked=0.0, now=1e5) is None
    assert IdleCost(after=3600, limit=9).observe(5, worked=None, now=1e5) is None


Row = tuple[str, int | None, int | None, str | None, int | None, str]
OK: Row = ("user", 1000, 50, None, None, "stop")
CRON_OK: Row = ("cron", 1000, 50, None, None, "stop")
CRON_500: Row = ("cron", None, None, None, 500, "error")


class Database:
    """The shape of nanobot's usage database, as recorded from 0.3.5."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as made, made:
            made.execute(
                "CREATE TABLE llm_calls (id INTEGER PRIMARY KEY, started_at_ms INTEGER,"
                " source TEXT, input_tokens INTEGER, output_tokens INTEGER, error_kind TEXT,"
                " error_status_code INTEGER, finish_reason TEXT, model TEXT)"
            )

    def add(self, *rows: Row, age: float = 1.0) -> None:
        with closing(sqlite3.connect(self.path)) as made, made:
            for source, tokens_in, tokens_out, kind, status, reason in rows:
                made.execute(
                    "INSERT INTO llm_calls VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, 'secret-model')",
                    (
                        int((time.time() - age) * 1000),
                        *(source, tokens_in, tokens_out, kind, status, reason),
                    ),
                )


def test_nanobots_calls_add_up_row_by_row(tmp_path: Path) -> None:
    database = Database(tmp_path / "usage.sqlite3")
    log = UsageLog(database.path)
    empty = log.read()
    assert empty is not None
    assert (empty.total, empty.last_good, empty.last_user) == (0, None, None)
    database.add(OK, CRON_OK, age=2000)
    database.add(("user", None, None, "timeout", None, "error"))
    for _ in range(2):
        calls = log.read()
        assert calls is not None
        assert (calls.total, calls.failed) == (3, 1)
        assert (calls.tokens_input, calls.tokens_output) == (2000, 100)
        assert (calls.recent, calls.recent_failed) == (1, 1)
        assert calls.last_good == pytest.approx(time.time() - 2000, abs=30)
    database.add(("api", None, None, None, 401, "error"), ("dream", None, None, None, 429, "error"))
    calls = log.read()
    assert calls is not None
    assert (calls.total, calls.refused, calls.throttled) == (5, True, True)
    assert calls.last_user == pytest.approx(time.time(), abs=30)
    database.path.unlink()
    assert log.read() is None
    Database(database.path).add(OK)
    fresh = log.read()
    assert fresh is not None
    assert fresh.total == 1, "a database that was replaced is read anew"


def test_a_job_fails_when_its_last_calls_do(tmp_path: Path) -> None:
    database = Database(tmp_path / "usage.sqlite3")
    log = UsageLog(database.path)
    seen = []
    for row in (CRON_OK, CRON_500, OK, CRON_500, CRON_500, CRON_OK):
        database.add(row)
        log.read()
        seen.append(log.jobs_fail)
    assert seen == [False, False, False, True, True, False]
