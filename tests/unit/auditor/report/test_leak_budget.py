"""The leak budget is stated, with what it assumes, in every form of the report."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from fleet.auditor.allowance import Allowance
from fleet.auditor.audit import Audit
from fleet.auditor.report import leak_budget
from fleet.auditor.report.html import render as as_html
from fleet.auditor.report.report import AuditReport, report_of
from fleet.auditor.report.sarif import as_sarif
from fleet.auditor.report.text import render as as_text
from fleet.domain.daily_bounds import Bounds
from tests.support.audits import NOON, an_audit, beat, examine

FORMS = {
    "text": as_text,
    "json": lambda report: json.dumps(report.as_dict(), ensure_ascii=False),
    "html": lambda report: html.unescape(as_html(report)),
    "sarif": lambda report: json.dumps(as_sarif(report), ensure_ascii=False),
}


def audited(enrolled: frozenset[str] | None) -> Audit:
    audit = an_audit(enrolled=enrolled)
    audit.allowance = Allowance(Bounds(), enrolled)
    examine(audit, "fleet/alpha/heartbeat", beat(metrics={"queue_bytes": 12345}))
    return audit


def reported(enrolled: frozenset[str] | None) -> AuditReport:
    audit = audited(enrolled)
    told = leak_budget.of(audit.allowance).as_dict()
    return report_of(audit, [], at=NOON, leak_budget=told)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("enrolled", [frozenset({"alpha"}), None])
def test_each_form_states_the_bound_and_what_it_assumes(form: str, enrolled: frozenset[str] | None):
    report = reported(enrolled)
    text = FORMS[form](report)
    assert re.search(r"99,?040", text)
    assert re.search(r"57,?028,?000", text)
    for assumption in report.leak_budget["assumptions"]:
        assert assumption in text


def test_without_a_list_of_agents_it_is_what_anybody_may_say():
    assert reported(None).leak_budget["bits_per_day"] == 57_028_000
    assert "nobody keeps a list" in reported(None).leak_budget["assumptions"][0]
    assert reported(frozenset({"alpha"})).leak_budget["bits_per_day"] == 99_040


@pytest.mark.parametrize("page", ["README.md", "adr/0006-threat-model.md"])
def test_the_pages_state_the_bound_that_the_report_has(page: str):
    bound = reported(frozenset({"alpha"})).leak_budget["bits_per_day"]
    assert f"{bound:,}" in (Path(__file__).parents[4] / page).read_text("utf-8")


def test_what_was_said_at_most_stands_beside_it():
    audit = audited(None)
    assert audit.allowance is not None
    most = leak_budget.of(audit.allowance).as_dict()["most_said"]
    assert most["agent"] == "alpha"
    assert 0 < most["bits"] == round(audit.allowance.most.bits) < 2_000


def test_a_shorter_interval_that_is_tolerated_raises_it():
    allowance = Allowance(Bounds(shortest=60), frozenset())
    assert leak_budget.of(allowance).per_day == 660 * 1440 + 4_000
