"""Results that the hub did not take stay for a day, whatever the clock says meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent_sidecar.work.collect import Output
from agent_sidecar.work.kept_results import FOLDER, KEPT, forget_results, keep_result

NOON = 1_790_000_000.0


@pytest.mark.parametrize(
    ("later", "stays"), [(-30 * 86_400.0, True), (0.0, True), (KEPT - 1, True), (KEPT, False)]
)
def test_a_kept_result_goes_when_it_was_here_for_a_day_and_not_because_a_clock_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: float, stays: bool
) -> None:
    place = tmp_path / FOLDER / "one"
    place.mkdir(parents=True)
    (place / "a.md").write_text("made")
    os.utime(place, (NOON, NOON))
    monkeypatch.setattr("agent_sidecar.work.kept_results.time.time", lambda: NOON + later)
    forget_results(tmp_path)
    assert (place / "a.md").exists() is stays


def test_half_a_copy_of_one_that_was_killed_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    begun = tmp_path / FOLDER / "one.part"
    begun.mkdir(parents=True)
    (begun / "other").write_text("half")
    made = tmp_path / "answer"
    made.write_text("42")
    content: Any = SimpleNamespace(size=2)
    with made.open("rb") as stream:
        place = keep_result(tmp_path, "one", [Output(None, "answer", stream.fileno(), content)])
        assert keep_result(tmp_path, "one", []) == place
    assert not begun.exists()
    assert {file.name: file.read_text() for file in place.iterdir()} == {"answer": "42"}
