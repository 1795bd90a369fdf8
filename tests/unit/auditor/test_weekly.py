"""When the weekly audit is due, also where a clock was wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.auditor.report import archive
from fleet.auditor.weekly import WEEK, WeeklyAudit
from fleet.contract.timestamps import timestamp
from fleet.domain.hub_clock import Step
from fleet.settings import load
from tests.support.telemetry import NOON

YEAR = 365 * 86_400.0


@pytest.fixture
def hub(tmp_path: Path) -> Any:
    hub = SimpleNamespace(
        settings=load({"home": str(tmp_path)}, {}),
        started_at=NOON,
        on_step=[],
        now=NOON,
        counters=None,
    )
    hub.committer = SimpleNamespace(now=lambda: hub.now)
    return hub


def reported(monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    monkeypatch.setattr(archive, "latest", lambda _home: ("report", {"ts": timestamp(at)}))


def test_it_is_due_a_week_after_the_last_report_or_the_start(
    hub: Any, monkeypatch: pytest.MonkeyPatch
):
    audit = WeeklyAudit(hub)
    assert audit._wait() == WEEK
    reported(monkeypatch, NOON - 86_400)
    assert audit._wait() == WEEK - 86_400
    hub.now += 2 * WEEK
    assert audit._wait() == 0


def test_a_report_of_the_future_puts_it_off_by_no_more_than_a_week(
    hub: Any, monkeypatch: pytest.MonkeyPatch
):
    reported(monkeypatch, NOON + 10 * YEAR)
    audit = WeeklyAudit(hub)
    assert audit._wait() == WEEK
    hub.now += WEEK
    assert audit._wait() == 0
    audit._audited = hub.now
    hub.now += 60
    assert audit._wait() == WEEK - 60, "and not again at once"
    step = Step(-YEAR, NOON - YEAR, hub.now)
    for moved in hub.on_step:
        moved(step)
    hub.now -= YEAR
    assert audit._wait() == WEEK - 60
