"""What an earlier sidecar left is ended and removed; what is not its own is left alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar.supervise.process_table import look
from agent_sidecar.work.leftovers import NOTE, note_worker, sweep


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "4750"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_worker_on_record_is_ended_with_its_folder(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    folder = tmp_path / "one-1"
    (folder / "out").mkdir(parents=True)
    note_worker(folder, sleeper.pid)
    sweep(tmp_path, [])
    assert sleeper.wait(10) == -9
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "x", "{}", "[1]", '["a", "b"]', "[99999999999999999999, 1]"])
def test_a_record_that_is_none_ends_nobody(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], text: str
) -> None:
    note = tmp_path / f"one-1{NOTE}"
    note.write_text(text)
    note.chmod(0o600)
    sweep(tmp_path, [])
    assert sleeper.poll() is None
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_went_to_another_process_since_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    note = tmp_path / f"one-1{NOTE}"
    note.write_text(json.dumps([sleeper.pid, "another boot"]))
    note.chmod(0o600)
    sweep(tmp_path, [])
    assert sleeper.poll() is None
    assert look([sleeper.pid])
