"""Disk and memory against their two limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.probes.limits import LimitProbe, Usage, disk_probe, memory_left, memory_probe
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity


def probe(usage: Usage | None) -> LimitProbe:
    code = AlertCode.DISK_PRESSURE
    return LimitProbe(Plane.DISK, code, lambda: usage, "numbers", warn=90, fail=97)


@pytest.mark.parametrize(
    ("free", "check", "firing", "severity"),
    [
        (50, Check.PASS, False, Severity.WARNING),
        (10, Check.WARN, True, Severity.WARNING),
        (3, Check.FAIL, True, Severity.CRITICAL),
        (0, Check.FAIL, True, Severity.CRITICAL),
    ],
)
def test_a_share_is_held_against_two_limits(
    free: float, check: Check, firing: bool, severity: Severity
) -> None:
    result = probe((free, 100)).run()
    (sign,) = result.evidence
    assert (result.check, sign.firing, sign.severity) == (check, firing, severity)
    assert (sign.value, sign.threshold, sign.source) == (100 - free, 90, "disk")
    assert result.metrics == {"disk_available_bytes": free, "disk_size_bytes": 100}


@pytest.mark.parametrize("usage", [None, (0, 0)])
def test_what_cannot_be_measured_is_unknown(usage: Usage | None) -> None:
    result = probe(usage).run()
    assert (result.check, list(result.evidence)) == (Check.UNKNOWN, [])


def test_a_real_disk_and_real_memory_are_measured(tmp_path: Path) -> None:
    for made in (disk_probe(tmp_path, warn=100, fail=100), memory_probe(warn=100, fail=100)):
        result = made.run()
        assert result.check in (Check.PASS, Check.FAIL)
        assert next(iter(result.metrics.values())) > 0


def test_a_disk_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    assert disk_probe(tmp_path / "none", warn=90, fail=97).run().check is Check.UNKNOWN


def test_a_containers_limit_counts_before_the_machines_memory(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n")
    assert memory_left(tmp_path, meminfo) == (400 * 1024, 1000 * 1024)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("700\n")
    assert memory_left(tmp_path, meminfo) == (400 * 1024, 1000 * 1024)
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory_left(tmp_path, meminfo) == (300, 1000)
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 200\n")
    assert memory_left(tmp_path, meminfo) == (500, 1000), "cache is given back before a kill"
    assert memory_left(tmp_path / "no", tmp_path / "no") is None
