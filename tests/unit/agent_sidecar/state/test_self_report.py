"""What an agent said of itself holds over a restart of its sidecar."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.state.self_report import SelfReportFile
from fleet.contract.vocabulary import State


@pytest.mark.parametrize("versions", [{}, {"agent": "2026.9.6", "runtime": "24.1"}])
def test_state_and_versions_come_back(tmp_path: Path, versions: dict[str, str]) -> None:
    path = tmp_path / "self-report"
    assert SelfReportFile(path).load() == (State.RUNNING, {})
    SelfReportFile(path).save("degraded", versions)
    assert SelfReportFile(path).load() == (State.DEGRADED, versions)


def test_the_file_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    path = tmp_path / "self-report"
    path.write_text("maintenance\n")
    assert SelfReportFile(path).load() == (State.MAINTENANCE, {})


@pytest.mark.parametrize(
    "text",
    ["dreaming\n", "running\n[1]\n", 'running\n{"agent": 1}\n', 'running\n{"x": "1"}\n',
     'running\n{"agent": "a b"}\n', "running\n{\n"],
)  # fmt: skip
def test_what_is_no_word_of_ours_is_told_and_believed_in_no_part(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "self-report"
    path.write_text(text)
    assert SelfReportFile(path).load() == (State.RUNNING, {})
    assert "holds no state" in caplog.text
