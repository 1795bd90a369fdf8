"""Results that the hub did not take stay for a day, whatever the clock says meanwhile."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from agent_sidecar.work.collect import BadOutput, Output
from agent_sidecar.work.hub import Claim, Descriptor
from agent_sidecar.work.kept_results import (
    FOLDER,
    KEPT,
    NOTE,
    forget_claim,
    forget_old,
    forget_results,
    keep_result,
    kept_results,
)

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


CLAIM = Claim("01HZ0000000000000000000001", "job", "01HY0000000000000000000000", 3, 2, 60.0, 60.0)


def keep(state: Path, text: str) -> Path:
    made = state / "answer"
    made.write_text(text)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    content = Descriptor(f"sha256:{digest}", len(text))
    with made.open("rb") as stream:
        outputs = [Output(None, "answer", stream.fileno(), content)]
        return keep_result(state, CLAIM, outputs, asks=True)


def test_half_a_copy_of_one_that_was_killed_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    begun = tmp_path / FOLDER / f"{CLAIM.name}.part"
    begun.mkdir(parents=True)
    (begun / "other").write_text("half")
    (begun / NOTE).write_text("{}")
    assert kept_results(tmp_path) == []
    place = keep(tmp_path, "42")
    assert keep_result(tmp_path, CLAIM, [], asks=True) == place
    assert not begun.exists()
    assert {file.name for file in place.iterdir()} == {"answer", NOTE}
    assert (place / "answer").read_text() == "42"


def test_what_was_kept_is_known_again_with_its_claim(tmp_path: Path) -> None:
    place = keep(tmp_path, "42")
    [found] = kept_results(tmp_path)
    assert (found.place, found.asks) == (place, True)
    assert replace(found.claim, asked=0.0, timeout=60.0) == CLAIM
    with found.opened() as outputs:
        assert [os.pread(one.handle, 9, 0) for one in outputs] == [b"42"]


@pytest.mark.parametrize("content", ["", "43", None])
def test_what_is_not_what_was_kept_is_not_opened(tmp_path: Path, content: str | None) -> None:
    file = keep(tmp_path, "42") / "answer"
    file.unlink()
    if content is not None:
        file.write_text(content)
    [found] = kept_results(tmp_path)
    with pytest.raises(BadOutput), found.opened():
        pass


@pytest.mark.parametrize(
    "note", ["", "{", "[]", "{}", '{"task": "../x", "context": "x", "lease": 60}']
)
def test_a_note_that_is_damaged_is_told_and_its_result_left(
    tmp_path: Path, note: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = keep(tmp_path, "42")
    (place / NOTE).write_text(note)
    assert kept_results(tmp_path) == []
    assert str(place) in caplog.text
    assert (place / "answer").exists()


def test_of_what_the_hub_decided_the_files_stay_for_whoever_looks(tmp_path: Path) -> None:
    place = keep(tmp_path, "42")
    forget_claim(place)
    forget_claim(place)
    assert kept_results(tmp_path) == []
    assert (place / "answer").read_text() == "42"


def test_what_an_agent_left_by_another_name_goes_after_its_day_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [tmp_path / name / "work" for name in ("alpha", "beta")]
    for state in states:
        place = state / FOLDER / "one"
        place.mkdir(parents=True)
        (place / "a.md").write_text("made")
        os.utime(place, (NOON, NOON))
    monkeypatch.setattr("agent_sidecar.work.kept_results.time.time", lambda: NOON + KEPT)
    forget_old(states[1])
    assert [list((state / FOLDER).iterdir()) for state in states] == [[], []]
