"""The queue limits are read from whatever file says so; what cannot be seen is not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.doctor import broker_limits
from fleet.doctor.broker_limits import limits
from fleet.doctor.findings import Diagnosis, Level, worst
from fleet.settings import load


@pytest.fixture(autouse=True)
def _no_other_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_limits, "_running", lambda: iter(()))


def levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, dropped: int | None = 0,
    broker: str = "mqtt://127.0.0.1:1883",
) -> dict[str, Level]:  # fmt: skip
    file = tmp_path / "mosquitto.conf"
    file.write_text(lines)
    monkeypatch.setattr(broker_limits, "_SYSTEM", file)
    settings = load({"home": str(tmp_path / "home"), "broker": broker}, {})
    return {finding.check: finding.level for finding in limits(settings, dropped)}


@pytest.mark.parametrize(
    ("lines", "level"),
    [
        ("max_queued_messages 0\n", Level.OK),
        ("max_queued_messages 1000000\n", Level.OK),
        ("max_queued_messages 1000\n", Level.CRITICAL),
        ("max_queued_messages 0\nmax_queued_bytes 1073741824\n", Level.OK),
        ("max_queued_messages 0\nmax_queued_bytes 1000000\n", Level.CRITICAL),
        ("listener 1883\n", Level.CRITICAL),
        ("# max_queued_messages 0\nport 1883\n", Level.CRITICAL),
    ],
)
def test_only_a_queue_that_holds_a_burst_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, level: Level
) -> None:
    assert levels(tmp_path, monkeypatch, lines)["queues"] is level


def test_included_files_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "limits.conf").write_text("max_queued_messages 0\nset_tcp_nodelay true\n")
    found = levels(tmp_path, monkeypatch, f"include_dir {folder}\n")
    assert found == {"dropped": Level.OK, "queues": Level.OK}


def test_another_broker_or_port_is_not_judged_by_this_machines_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "listener 1884\n"
    assert levels(tmp_path, monkeypatch, lines)["queues"] is Level.UNKNOWN
    far = "mqtts://broker.example:8883"
    assert levels(tmp_path, monkeypatch, lines, broker=far)["queues"] is Level.UNKNOWN


def test_what_the_broker_dropped_is_critical_whatever_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "max_queued_messages 0\n"
    assert levels(tmp_path, monkeypatch, lines, dropped=3)["dropped"] is Level.CRITICAL
    assert levels(tmp_path, monkeypatch, lines, dropped=None)["dropped"] is Level.UNKNOWN


def test_unknown_is_neither_good_nor_bad_but_shown() -> None:
    well, unknown = Diagnosis("a", Level.OK, "a"), Diagnosis("b", Level.UNKNOWN, "b")
    assert worst([well, unknown]) is Level.UNKNOWN
    assert worst([unknown, Diagnosis("c", Level.WARNING, "c")]) is Level.WARNING
    assert worst([]) is Level.OK
