"""The unit probe: the real systemctl where there is one, and its recorded answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent_sidecar.probes.systemd import UnitProbe
from fleet.contract.vocabulary import Check

ACTIVE = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "NRestarts": "2",
    "ActiveEnterTimestampMonotonic": "1000000",
    "MemoryCurrent": "104857600",
    "CPUUsageNSec": "2500000000",
}


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `systemctl` that prints this file."""
    shown = tmp_path / "shown"
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\ncat {shown}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return shown


def say(path: Path, **changes: str) -> None:
    shown = {**ACTIVE, **changes}
    path.write_text("".join(f"{name}={value}\n" for name, value in shown.items()))


def test_an_active_unit_passes_with_its_numbers(answers: Path) -> None:
    say(answers)
    result = UnitProbe("agent.service").run()
    assert result.check is Check.PASS
    assert result.uptime is not None
    assert result.uptime > 0
    assert result.metrics == {
        "restarts_total": 0,
        "memory_bytes": 104_857_600,
        "cpu_seconds_total": 2.5,
    }


@pytest.mark.parametrize(
    ("state", "check", "down"),
    [
        ("failed", Check.FAIL, True),
        ("inactive", Check.FAIL, True),
        ("activating", Check.WARN, None),
        ("deactivating", Check.WARN, None),
    ],
)
def test_what_the_states_mean(answers: Path, state: str, check: Check, down: bool | None) -> None:
    say(answers, ActiveState=state)
    result = UnitProbe("agent.service").run()
    assert (result.check, result.evidence[0].firing) == (check, down)
    assert result.uptime is None


def test_a_unit_that_systemd_keeps_restarting_is_a_loop(answers: Path) -> None:
    probe = UnitProbe("agent.service")
    loops = []
    for count in ("7", "8", "9", "10"):
        say(answers, NRestarts=count)
        loops.append(probe.run().evidence[1].firing)
    assert loops == [False, False, False, True]


def test_numbers_that_systemd_does_not_know_are_absent(answers: Path) -> None:
    say(answers, MemoryCurrent="18446744073709551615", CPUUsageNSec="[not set]")
    assert set(UnitProbe("agent.service").run().metrics) == {"restarts_total"}


@pytest.mark.parametrize(
    "changes", [{"LoadState": "not-found", "ActiveState": "inactive"}, {"ActiveState": "prose"}]
)
def test_a_unit_that_is_not_known_is_unknown(answers: Path, changes: dict[str, str]) -> None:
    say(answers, **changes)
    assert UnitProbe("agent.service").run().check is Check.UNKNOWN


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemd is not here")
def test_the_real_systemctl_knows_no_such_unit() -> None:
    assert UnitProbe("no-such-agent.service").run().check is Check.UNKNOWN


def test_without_systemctl_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert UnitProbe("agent.service").run().check is Check.UNKNOWN
