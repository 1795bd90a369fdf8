"""A report: one verdict a rule, why the others have none, and the exit code of it all."""

from __future__ import annotations

from fleet.tck.finding import Verdict
from fleet.tck.output import summary
from fleet.tck.report import Report
from fleet.tck.rules import RULES, Need, Profile


def verdict(report: Report, rule_id: str) -> tuple[Verdict, str]:
    (found,) = (f for f in report.findings if f.rule.id == rule_id)
    return found.verdict, found.evidence


def test_there_is_one_finding_a_rule_in_the_order_of_the_table() -> None:
    report = Report("alpha", Profile.SIDECAR)
    report.add("publish.qos", True)
    assert [finding.rule for finding in report.findings] == list(RULES)


def test_a_failure_stands_whatever_comes_before_and_after() -> None:
    report = Report("alpha", Profile.PUBLISHER)
    for ok in (True, False, True):
        report.add("publish.qos", ok, str(ok))
    assert verdict(report, "publish.qos") == (Verdict.FAIL, "False")
    assert report.exit_code == 2


def test_what_cannot_be_judged_says_why() -> None:
    report = Report("alpha", Profile.SIDECAR, left_out=frozenset({"publish.qos"}))
    assert verdict(report, "publish.qos") == (Verdict.SKIPPED, "left out by --skip")
    assert verdict(report, "will.told") == (Verdict.SKIPPED, "needs --kill")
    assert verdict(report, "signing.forged")[0] is Verdict.NOT_APPLICABLE
    report.add("will.told", False)
    assert verdict(report, "will.told")[0] is Verdict.SKIPPED
    report.blocked = "it answered no status-report"
    assert verdict(report, "command.expired")[1] == "it answered no status-report"


def test_rules_of_a_higher_profile_ask_nothing() -> None:
    report = Report("alpha", Profile.PUBLISHER, frozenset(Need))
    assert verdict(report, "command.expired")[0] is Verdict.NOT_APPLICABLE


def test_the_exit_code_tells_passed_from_not_judged() -> None:
    report = Report("alpha", Profile.PUBLISHER)
    assert report.exit_code == 1
    for rule in RULES:
        report.add(rule.id, True)
    assert report.exit_code == 0


def test_an_agent_of_which_nothing_was_seen_conforms_in_nothing() -> None:
    report = Report("alpha", Profile.PUBLISHER)
    assert "nothing could be judged" in summary(report)
    assert "conforms" not in summary(report)
    report.add("publish.qos", True)
    assert "conforms as far as it could be judged" in summary(report)
