"""OpenClaw's job list: asked seldom, and at once where it would be bad news by now."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from agent_sidecar.kinds.openclaw_jobs import OFTEN, SELDOM, Jobs
from agent_sidecar.probes.cron import Outcomes


def entry(*, due: float, status: str = "ok", enabled: bool = True) -> dict[str, Any]:
    """A job in the shape of 2026.9.6, its free text included."""
    return {
        "name": "Letter to a client",
        "enabled": enabled,
        "schedule": {"kind": "every", "everyMs": 20_000},
        "payload": {"kind": "agentTurn", "message": "secret prose"},
        "state": {"nextRunAtMs": int((time.time() + due) * 1000), "lastStatus": status},
    }


class Program:
    def __init__(self, *jobs: dict[str, Any]) -> None:
        self.answer: Any = {"jobs": list(jobs)}
        self.asked = 0
        self.now = 0.0
        self.gateway = 1
        self.waiting: list[Callable[[], None]] = []
        self.jobs = Jobs(self.ask, lambda: self.gateway, lambda: self.now, self.waiting.append)

    def ask(self) -> Any:
        self.asked += 1
        return self.answer

    def answers(self) -> int:
        """How often it was asked, once all that waits has run."""
        while self.waiting:
            self.waiting.pop()()
        return self.asked


def test_one_answer_serves_both_planes_and_lasts_while_all_is_well() -> None:
    program = Program(entry(due=400), entry(due=-5, enabled=False))
    assert program.jobs.outcomes() == Outcomes(2, 0)
    due = program.jobs.due()
    assert due is not None
    assert [job.period for job in due] == [20], "what is switched off is never due"
    program.now = SELDOM - 1
    program.jobs.due()
    assert program.answers() == 1
    program.now = SELDOM
    program.jobs.due()
    assert program.answers() == 2
    assert "secret" not in repr(vars(program.jobs))


def test_bad_news_is_asked_for_anew() -> None:
    for bad in (entry(due=-90), entry(due=9, status="error")):
        program = Program(bad)
        program.jobs.due()
        program.now = OFTEN - 1
        program.jobs.due()
        assert program.answers() == 1
        program.now = OFTEN
        program.jobs.due()
        assert program.answers() == 2


def test_a_job_is_not_late_by_a_list_of_before() -> None:
    """At the usual interval each list is ten minutes old, and a job of every minute long over."""
    program = Program(entry(due=-SELDOM))
    program.jobs.due()
    program.answer = {"jobs": [entry(due=20)]}
    program.now = SELDOM
    [job] = program.jobs.due() or []
    assert not job.late(time.time())
    assert (program.asked, program.waiting) == (2, []), "it was waited for"
    program.answer = None
    program.now += OFTEN
    assert program.jobs.due() == [job], "nothing is late: it is not asked yet"


def test_who_comes_back_is_asked_at_once_and_a_late_word_of_before_is_not_its_own() -> None:
    program = Program(entry(due=9, status="error"))
    assert program.jobs.outcomes() == Outcomes(1, 1)
    program.now = OFTEN
    program.jobs.outcomes()
    [before] = program.waiting
    program.gateway = 2
    program.answer = {"jobs": []}
    assert program.jobs.outcomes() == Outcomes(0, 0)
    program.answer = {"jobs": [entry(due=9, status="error")]}
    before()
    assert program.jobs.outcomes() == Outcomes(0, 0)


def test_what_cannot_be_asked_is_unknown() -> None:
    for answer in (None, [], {"jobs": 5}, "prose"):
        program = Program()
        program.answer = answer
        assert program.jobs.due() is None
        assert program.jobs.outcomes() is None
