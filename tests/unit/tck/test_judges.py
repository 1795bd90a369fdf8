"""What is told from a transcript alone, message by message."""

from __future__ import annotations

import json
from typing import Any

from fleet.bus.port import Inbound
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.tck.finding import Verdict
from fleet.tck.heard import read
from fleet.tck.judges import judge_form
from fleet.tck.report import Report
from fleet.tck.rules import Need, Profile
from fleet.tck.session_judges import judge_numbers, judge_sessions
from fleet.tck.transcript import Transcript

NOW = 1_800_000_000.0


def heard(*messages: tuple[str, dict[str, Any]]) -> Transcript:
    transcript = Transcript()
    for kind, fields in messages:
        required = {"ok": True} if kind == "heartbeat" else {"state": "running"}
        payload = json.dumps({**required, "ts": timestamp(NOW), **fields}).encode()
        inbound = Inbound(f"fleet/alpha/{kind}", payload, 1)
        transcript.append(read(inbound, Topics(), Reader(), NOW))
    return transcript


def failed(report: Report) -> set[str]:
    return {f.rule.id for f in report.findings if f.verdict is Verdict.FAIL}


def numbered(*numbers: tuple[int, int]) -> Transcript:
    return heard(*(("heartbeat", {"boot": boot, "seq": seq}) for boot, seq in numbers))


def judged(transcript: Transcript) -> set[str]:
    report = Report("alpha", Profile.SIDECAR, frozenset(Need))
    judge_numbers(report, transcript)
    return failed(report)


def test_numbers_start_where_we_began_to_listen_and_may_come_again() -> None:
    assert judged(numbered((1, 5), (1, 6), (1, 7), (1, 6), (2, 0))) == set()
    again = heard(("status", {"boot": 1, "seq": 2}), ("heartbeat", {"boot": 1, "seq": 6}))
    assert judged(again) == set()  # sent again from before we came


def test_a_gap_and_a_number_used_twice_are_told_apart() -> None:
    assert judged(numbered((1, 5), (1, 7))) == {"session.seq-complete"}
    twice = heard(("heartbeat", {"boot": 1, "seq": 5}), ("status", {"boot": 1, "seq": 5}))
    assert judged(twice) == {"session.seq-unique"}


def test_evidence_names_reason_and_field_and_no_value() -> None:
    report = Report("alpha", Profile.PUBLISHER)
    judge_form(report, heard(("heartbeat", {"mood": "marker"}), ("status", {"state": "marker"})))
    assert failed(report) == {"heartbeat.valid", "status.valid"}
    assert "marker" not in json.dumps(report.as_dict())
    assert "mood" not in json.dumps(report.as_dict())


def test_a_birth_is_the_first_number_of_its_session_in_whatever_order_it_comes() -> None:
    old = [("status", {"boot": 1, "seq": 9})]
    beat, birth = ("heartbeat", {"boot": 2, "seq": 1}), ("status", {"boot": 2, "seq": 0})
    for messages, expected in (
        ([*old, beat, birth], set()),
        ([*old, beat], {"session.birth"}),
        ([("status", {"boot": 3, "seq": 9}), birth], {"session.boot-grows"}),
    ):
        report = Report("alpha", Profile.SIDECAR, frozenset(Need))
        transcript = heard(*messages)
        judge_sessions(report, transcript, [(1, transcript[0].boot)])
        assert failed(report) == expected
