"""How late a job may be comes from its own schedule."""

from __future__ import annotations

import time

import pytest

from agent_sidecar.probes.overdue import Due, OverdueProbe, seconds
from fleet.contract.vocabulary import AlertCode, Check


@pytest.mark.parametrize(
    ("period", "grace"),
    [(20.0, 60.0), (600.0, 900.0), (86_400.0, 3600.0), (None, 600.0)],
)
def test_a_period_and_a_half_but_no_less_than_a_turn_and_no_more_than_an_hour(
    period: float | None, grace: float
) -> None:
    assert Due(0.0, period).grace == grace


def test_a_job_behind_its_grace_fails_and_says_by_how_much() -> None:
    now = time.time()
    jobs = [Due(now - 59, 20.0), Due(now - 200, 60.0), Due(now - 3000, 86_400.0), Due(now + 9, 1.0)]
    result = OverdueProbe(lambda: jobs, "a list").run()
    [evidence] = result.evidence
    assert result.check is Check.FAIL
    assert result.metrics == {"cron_jobs_overdue": 1}
    assert (evidence.code, evidence.firing, evidence.threshold) == (
        *(AlertCode.WORK_STALLED, True),
        90,
    )
    assert evidence.value in (200, 201)


def test_a_job_that_never_runs_is_a_warning_and_no_alert() -> None:
    result = OverdueProbe(lambda: [Due(None, 20.0), Due(time.time() + 9)], "a list").run()
    assert result.check is Check.WARN
    assert result.why == "1 jobs are switched on and have no next run"
    assert not result.evidence[0].firing


def test_nothing_scheduled_is_no_fault_and_what_cannot_be_told_is_unknown() -> None:
    assert OverdueProbe(list, "a list").run().check is Check.PASS
    assert OverdueProbe(lambda: None, "a list").run().check is Check.UNKNOWN


@pytest.mark.parametrize("value", [True, "5", None, 0, -1, 1e300, float("nan"), float("inf")])
def test_what_is_no_time_is_none(value: object) -> None:
    assert seconds(value, 1000) is None
