"""What is taken from `out/`: plain files of its own, few, small, well named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_sidecar.work.collect import MAX_FILES, BadOutput, collected
from fleet.contract.work_vocabulary import TaskReason


@pytest.fixture
def out(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    for name in ("findings", "final"):
        (made / name).mkdir(parents=True)
    return made


def test_outputs_and_entries_are_named_typed_and_digested(out: Path) -> None:
    (out / "b.json").write_text("{}")
    (out / "a").write_text("x")
    (out / "findings" / "one.md").write_text("y")
    (out / ".progress").write_text("50")
    (out / ".cache").mkdir()
    with collected(out, 100, None) as found:
        assert [(o.section, o.name, o.content.media_type) for o in found] == [
            (None, "a", "application/octet-stream"),
            (None, "b.json", "application/json"),
            ("findings", "one.md", "text/markdown"),
        ]
        digest = f"sha256:{hashlib.sha256(b'x').hexdigest()}"
        assert (found[0].content.digest, found[0].content.size) == (digest, 1)
        handle = found[0].handle
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(handle)


BAD: dict[str, tuple[Callable[[Path], object], TaskReason]] = {
    "a link": (lambda out: (out / "x").symlink_to("/etc/passwd"), TaskReason.OUTPUT_REFUSED),
    "a pipe": (lambda out: os.mkfifo(out / "x"), TaskReason.OUTPUT_REFUSED),
    "a folder": (lambda out: (out / "x").mkdir(), TaskReason.OUTPUT_REFUSED),
    "a file for a section": (lambda out: (out / "designs").touch(), TaskReason.OUTPUT_REFUSED),
    "a link for a section": (
        lambda out: (out / "designs").symlink_to("/etc"), TaskReason.OUTPUT_REFUSED,
    ),
    "a folder in a section": (lambda out: (out / "final" / "x").mkdir(), TaskReason.OUTPUT_REFUSED),
    "a name that is none": (lambda out: (out / "X y").touch(), TaskReason.OUTPUT_REFUSED),
    "too long a name": (lambda out: (out / ("x" * 65)).touch(), TaskReason.OUTPUT_REFUSED),
    "a file that cannot be read": (
        lambda out: (out / "x").symlink_to("x"), TaskReason.OUTPUT_REFUSED,
    ),
    "too much": (lambda out: (out / "x").write_text("x" * 101), TaskReason.OUTPUT_TOO_LARGE),
    "a hole": (lambda out: os.truncate(_new(out / "x"), 10**12), TaskReason.OUTPUT_TOO_LARGE),
    "too many": (
        lambda out: [(out / f"f{n}").touch() for n in range(MAX_FILES + 1)],
        TaskReason.OUTPUT_TOO_LARGE,
    ),
    "nothing": (lambda _: None, TaskReason.OUTPUT_MISSING),
}  # fmt: skip


def _new(path: Path) -> Path:
    path.touch()
    return path


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_refused_in_a_word(out: Path, name: str) -> None:
    make, reason = BAD[name]
    make(out)
    with pytest.raises(BadOutput) as caught, collected(out, 100, None):
        pass
    assert caught.value.reason is reason


def test_a_second_name_elsewhere_is_refused(out: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    os.link(tmp_path / "secret", out / "x")
    with pytest.raises(BadOutput, match="second name"), collected(out, 100, None):
        pass


def test_what_a_kind_requires_must_be_there_and_nothing_may_be_required(out: Path) -> None:
    with collected(out, 100, ()) as found:
        assert found == []
    (out / "other").touch()
    (out / "final" / "report.md").touch()
    missing = pytest.raises(BadOutput, match=r"report\.md is not there")
    with missing, collected(out, 100, ("report.md",)):
        pass
