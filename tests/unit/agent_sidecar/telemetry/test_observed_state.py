"""The verdict of the findings, and what the agent's own word adds to it."""

from __future__ import annotations

from agent_sidecar.probes.base import ProbeResult
from agent_sidecar.telemetry.observed_state import ObservedState
from fleet.contract.vocabulary import Check, State


def test_an_agent_of_which_nothing_fails_is_ok() -> None:
    observed = ObservedState(max_age=25)
    observed.record("p", ProbeResult("process", Check.PASS), 0)
    observed.record("d", ProbeResult("disk", Check.WARN), 0)
    assert observed.ok(1)
    assert observed.state(1) is State.RUNNING


def test_slow_is_not_dead_and_unknown_is_not_bad() -> None:
    observed = ObservedState(max_age=25)
    observed.record("e", ProbeResult("endpoint", Check.WARN), 0)
    observed.record("c", ProbeResult("channels", Check.UNKNOWN), 0)
    assert observed.ok(1)


def test_the_worst_of_two_probes_speaks_for_their_plane() -> None:
    observed = ObservedState(max_age=25)
    observed.record("one", ProbeResult("process", Check.PASS), 0)
    observed.record("two", ProbeResult("process", Check.UNKNOWN), 0)
    assert observed.checks(1) == {"process": "unknown"}
    observed.record("three", ProbeResult("process", Check.FAIL), 0)
    assert observed.checks(1) == {"process": "fail"}
    assert observed.state(1) is State.DEGRADED


def test_a_finding_that_is_too_old_is_unknown() -> None:
    observed = ObservedState(max_age=25)
    observed.record("p", ProbeResult("process", Check.FAIL, uptime=5, metrics={"x": 1}), 0)
    assert observed.checks(26) == {"process": "unknown"}
    assert observed.uptime(26) is None
    assert not any(observed.metrics(26))


def test_uptime_goes_on_between_two_looks() -> None:
    observed = ObservedState(max_age=25)
    observed.record("p", ProbeResult("process", Check.PASS, uptime=100), 0)
    assert observed.uptime(7) == 107


def test_the_agents_own_word_counts_for_two_and_a_half_intervals() -> None:
    observed = ObservedState(max_age=25)
    observed.record_heartbeat({"ok": False, "interval": 10, "metrics": {"errors_total": 3}}, 0)
    assert not observed.ok(25)
    assert observed.metrics(25)[0] == {"errors_total": 3}
    assert observed.ok(26)
    assert observed.metrics(26)[0] == {}


def test_the_agents_own_checks_count_as_long_as_its_word() -> None:
    """A plane without a probe would be gone with the next beat, and `ok` false without a why."""
    observed = ObservedState(max_age=100)
    observed.record("d", ProbeResult("disk", Check.PASS), 0)
    observed.record("m", ProbeResult("memory", Check.FAIL), 0)
    said = {"gpu": "warn", "disk": "fail", "memory": "pass"}
    observed.record_heartbeat({"ok": True, "interval": 10, "checks": said}, 0)
    assert observed.checks(25) == {"gpu": "warn", "disk": "fail", "memory": "fail"}
    assert observed.checks(26) == {"disk": "pass", "memory": "fail"}


def test_a_state_the_agent_claims_stays_until_it_says_another() -> None:
    observed = ObservedState(max_age=25)
    observed.record_status("maintenance", {})
    assert observed.state(1000) is State.MAINTENANCE
    observed.record_status("running", {})
    assert observed.state(1000) is State.RUNNING


def test_versions_that_the_agent_names_stay_until_it_names_others_or_a_probe_finds_them() -> None:
    observed = ObservedState(max_age=25)
    observed.record_status("running", {"agent": "1.2", "runtime": "3.11", "sidecar": "9"})
    observed.record_status("degraded", {"agent": "1.3"})
    assert observed.versions() == {"agent": "1.3", "runtime": "3.11"}
    assert observed.claimed == ("degraded", {"agent": "1.3", "runtime": "3.11"})
    observed.record("v", ProbeResult("process", Check.PASS, versions={"agent": "1.4"}), 0)
    assert observed.versions() == {"agent": "1.4", "runtime": "3.11"}


def test_versions_and_digest_are_kept_when_the_probe_falls_silent() -> None:
    observed = ObservedState(max_age=25)
    observed.record(
        "v", ProbeResult("process", Check.PASS, versions={"agent": "1.2"}, config="sha256:0"), 0
    )
    assert observed.versions() == {"agent": "1.2"}
    assert observed.config() == "sha256:0"
