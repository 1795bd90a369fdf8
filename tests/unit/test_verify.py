"""Two sources agree, or the way in which they do not is named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.contract.vocabulary import Check, Plane
from fleet.domain.agent_view import PlaneView
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict
from fleet.verify import Dissent, Evidence, SourceError, ask_systemd, compare, source_of

VIEW = replace(Roster().view("ada", 0.0), state=Verdict.OK, uptime=1000.0)


@pytest.mark.parametrize(
    ("state", "evidence", "expected"),
    [
        (Verdict.OK, Evidence("docker", True, 1010.0, True), []),
        (Verdict.OK, Evidence("docker", True), []),
        (Verdict.OK, Evidence("docker", False), [Dissent.SAYS_ALIVE]),
        (Verdict.DEGRADED, Evidence("docker", False), [Dissent.SAYS_ALIVE]),
        (Verdict.STALE, Evidence("docker", True), []),
        (Verdict.OFFLINE, Evidence("docker", True), [Dissent.SAYS_GONE]),
        (Verdict.OFFLINE, Evidence("docker", False), []),
        (Verdict.LATE, Evidence("docker", False), []),
        (Verdict.STALE, Evidence("docker", False), []),
        (Verdict.OK, Evidence("docker", True, 30.0), [Dissent.YOUNGER]),
        (Verdict.OK, Evidence("docker", True, None, False), [Dissent.UNHEALTHY]),
    ],
)
def test_each_disagreement_has_its_name(
    state: Verdict, evidence: Evidence, expected: list[Dissent]
) -> None:
    assert compare(replace(VIEW, state=state), evidence) == expected


@pytest.mark.parametrize(
    ("running", "expected"), [(False, []), (True, [Dissent.SAYS_GONE])], ids=["dead", "runs"]
)
def test_a_bus_that_says_the_process_is_dead_does_not_claim_that_it_lives(
    running: bool, expected: list[Dissent]
) -> None:
    """Its sidecar lives and is heard, so that its verdict is degraded and not offline."""
    planes = {Plane.PROCESS.value: PlaneView(Check.FAIL, 1.0)}
    view = replace(VIEW, state=Verdict.DEGRADED, uptime=None, planes=planes)
    assert compare(view, Evidence("docker", running)) == expected


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemd is not here")
def test_a_unit_that_nobody_knows_is_no_evidence() -> None:
    with pytest.raises(SourceError):
        ask_systemd("a-unit-that-nobody-made.service")


def test_a_unit_that_is_not_loaded_is_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\necho LoadState=not-found\necho ActiveState=inactive\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(SourceError, match="no systemd unit agent-x"):
        ask_systemd("agent-x")


def test_an_agent_without_a_second_source_is_said_to_have_none() -> None:
    with pytest.raises(SourceError, match="no second source"):
        source_of(VIEW, None, None, None)
