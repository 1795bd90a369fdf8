"""Each wrong call of `bus-publish` publishes nothing, and is answered by one that works."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import MessageKind
from tests.acceptance.wrong_calls import CALLS
from tests.support.one_liner import PRESENT, run, serve, waiting

JUDGES = schema_validators()
SHELLS = ["dash", "busybox"]


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    return serve(tmp_path / "drop")


def take(drop: Path) -> dict[str, object]:
    """The one message that waits, judged as the sidecar judges it, and removed."""
    [path] = waiting(drop)
    kind, _, _ = path.name.partition("-")
    assert path.suffix == ".json"
    message: dict[str, object] = json.loads(path.read_text()) | {"ts": "2026-03-18T21:30:00Z"}
    JUDGES[MessageKind(kind)].check(message)
    path.unlink()
    return message


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("words", "right"), CALLS, ids=lambda value: str(value)[:60])
def test_a_wrong_call_is_answered_by_one_that_works(
    words: list[str], right: str | None, shell: str, drop: Path, tmp_path: Path
) -> None:
    answer = run(*words, home=tmp_path, shell=shell, FLEET_DROP=str(drop))
    assert answer.stdout == ""
    if right is not None:
        assert answer.returncode == 3, answer.stderr
        assert waiting(drop) == []
        said, offered = answer.stderr.splitlines()
        assert said.startswith("bus-publish: ")
        assert offered == f"Try: bus-publish {right}"
        program, *corrected = shlex.split(offered.removeprefix("Try: "))
        assert program == "bus-publish"
        answer = run(*corrected, home=tmp_path, shell=shell, FLEET_DROP=str(drop))
    assert (answer.returncode, answer.stderr) == (0, "")
    take(drop)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("shell", PRESENT)
@pytest.mark.parametrize(
    "word",
    ["t=1719926400123456789", "small=1.5e-05", "ratio=0.0001234567901234568", "half=.5",
     "text=hello", "list=1.2.3", "size=12MB", "word=e5", "open=1e"],
)  # fmt: skip
def test_a_number_in_a_form_that_does_not_pass_is_told_from_text(
    word: str, shell: str, drop: Path, tmp_path: Path
) -> None:
    answer = run("heartbeat", word, home=tmp_path, shell=shell, FLEET_DROP=str(drop))
    of_form = word.startswith(("t=", "small", "ratio", "half"))
    assert ("at most 15 digits before the point and 17 in all" in answer.stderr) == of_form
    assert ("there is no field for text" in answer.stderr) != of_form


def test_the_corpus_has_at_least_sixty_wrong_calls() -> None:
    assert sum(right is not None for _, right in CALLS) >= 60
