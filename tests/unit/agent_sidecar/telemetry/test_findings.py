"""The verdict of the findings, and what the agent's own word adds to it."""

from __future__ import annotations

from agent_sidecar.probes.base import Finding
from agent_sidecar.telemetry.findings import Board
from fleet.contract.vocabulary import Check, State


def test_an_agent_of_which_nothing_fails_is_ok() -> None:
    board = Board(max_age=25)
    board.put("p", Finding("process", Check.PASS), 0)
    board.put("d", Finding("disk", Check.WARN), 0)
    assert board.ok(1)
    assert board.state(1) is State.RUNNING


def test_slow_is_not_dead_and_unknown_is_not_bad() -> None:
    board = Board(max_age=25)
    board.put("e", Finding("endpoint", Check.WARN), 0)
    board.put("c", Finding("channels", Check.UNKNOWN), 0)
    assert board.ok(1)


def test_the_worst_of_two_probes_speaks_for_their_plane() -> None:
    board = Board(max_age=25)
    board.put("one", Finding("process", Check.PASS), 0)
    board.put("two", Finding("process", Check.UNKNOWN), 0)
    assert board.checks(1) == {"process": "unknown"}
    board.put("three", Finding("process", Check.FAIL), 0)
    assert board.checks(1) == {"process": "fail"}
    assert board.state(1) is State.DEGRADED


def test_a_finding_that_is_too_old_is_unknown() -> None:
    board = Board(max_age=25)
    board.put("p", Finding("process", Check.FAIL, uptime=5, metrics={"x": 1}), 0)
    assert board.checks(26) == {"process": "unknown"}
    assert board.uptime(26) is None
    assert not any(board.metrics(26))


def test_uptime_goes_on_between_two_looks() -> None:
    board = Board(max_age=25)
    board.put("p", Finding("process", Check.PASS, uptime=100), 0)
    assert board.uptime(7) == 107


def test_the_agents_own_word_counts_for_two_and_a_half_intervals() -> None:
    board = Board(max_age=25)
    board.heartbeat_said({"ok": False, "interval": 10, "metrics": {"errors_total": 3}}, 0)
    assert not board.ok(25)
    assert board.metrics(25)[0] == {"errors_total": 3}
    assert board.ok(26)
    assert board.metrics(26)[0] == {}


def test_a_state_the_agent_claims_stays_until_it_says_another() -> None:
    board = Board(max_age=25)
    board.status_said("maintenance")
    assert board.state(1000) is State.MAINTENANCE
    board.status_said("running")
    assert board.state(1000) is State.RUNNING


def test_versions_and_digest_are_kept_when_the_probe_falls_silent() -> None:
    board = Board(max_age=25)
    board.put("v", Finding("process", Check.PASS, versions={"agent": "1.2"}, config="sha256:0"), 0)
    assert board.versions() == {"agent": "1.2"}
    assert board.config() == "sha256:0"
