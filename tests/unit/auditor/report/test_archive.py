"""Kept reports and their chain."""

from __future__ import annotations

from pathlib import Path

from fleet.auditor.report import archive
from fleet.auditor.report.report import AuditReport, report_of
from tests.support.audits import NOON, an_audit, beat, examine


def a_report(at: float = NOON, *, bad: bool = False) -> AuditReport:
    audit = an_audit()
    examine(audit, "fleet/alpha/heartbeat", beat(uptime=5))
    if bad:
        examine(audit, "fleet/alpha/command", {"verb": "health-check"}, retain=True)
    return report_of(audit, [], at=at)


def test_a_kept_report_is_in_the_chain(tmp_path: Path):
    for number in range(3):
        archive.save(tmp_path, a_report(NOON + number))
    assert archive.check(tmp_path) == []
    assert len(archive.read_log(tmp_path)) == 3


def test_a_deleted_a_changed_and_a_slipped_in_report_show(tmp_path: Path):
    paths = [archive.save(tmp_path, a_report(NOON + number)) for number in range(3)]
    paths[0].unlink()
    paths[1].write_text("{}")
    (tmp_path / "audit" / "report-extra.json").write_text("{}")
    wrong = archive.check(tmp_path)
    assert [sentence.partition(" ")[2] for sentence in wrong] == [
        "was deleted", "was changed", "is not in the log",
    ]  # fmt: skip


def test_a_line_cut_from_the_log_shows(tmp_path: Path):
    for number in range(3):
        archive.save(tmp_path, a_report(NOON + number))
    log = tmp_path / "audit" / archive.LOG
    lines = log.read_text().splitlines(keepends=True)
    log.write_text(lines[0] + lines[2])
    assert any("the log was changed" in sentence for sentence in archive.check(tmp_path))


def test_the_trend_is_against_the_newest_report(tmp_path: Path):
    assert archive.trend(tmp_path, a_report()) is None
    archive.save(tmp_path, a_report())
    trend = archive.trend(tmp_path, a_report(NOON + 1, bad=True))
    assert trend is not None
    assert (trend.messages, trend.findings) == (1, 1)
    assert trend.rules == {"traffic.retained-command": 1}


def test_shapes_of_the_newest_report_are_the_base_line(tmp_path: Path):
    assert archive.shapes(tmp_path) is None
    archive.save(tmp_path, a_report())
    assert archive.shapes(tmp_path) == {
        "alpha": frozenset({"heartbeat.ok", "heartbeat.ts", "heartbeat.uptime"})
    }


def test_the_latest_reports_are_summed_up_by_rule_newest_first(tmp_path: Path):
    assert archive.recent(tmp_path) == []
    archive.save(tmp_path, a_report())
    archive.save(tmp_path, a_report(NOON + 1, bad=True))
    (tmp_path / "audit" / "report-torn.json").write_text("{")
    newest, before = archive.recent(tmp_path)
    assert newest["ts"] > before["ts"]
    assert (newest["findings"], newest["rules"]) == (1, {"traffic.retained-command": 1})
    assert (before["findings"], before["rules"], before["messages"]) == (0, {}, 1)
