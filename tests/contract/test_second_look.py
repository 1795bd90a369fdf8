"""What a run of the tests forgives: a few tests of real processes that pass alone, and no more."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
again = runpy.run_path(str(ROOT / "scripts/second_look.py"))["again"]

STEADY = "def test_holds(): pass\n"
BESIDE = """
import os, pytest
@pytest.mark.xdist_group("agents")
@pytest.mark.parametrize("name", ["al@pha", "x::y"])
def test_beside(name):
    assert "PYTEST_XDIST_WORKER" not in os.environ
"""
BROKEN = "def test_broken(): assert False\n"


def looked(folder: Path, **files: str) -> subprocess.CompletedProcess[str]:
    """A run over a tree of its own: names of files, `__` for a slash."""
    for name, text in files.items():
        path = folder / "tests" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copy(ROOT / "scripts/second_look.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = xdist_group\naddopts = -p no:asyncio\n")
    environ = {name: word for name, word in os.environ.items() if "PYTEST" not in name}
    return subprocess.run(
        [sys.executable, "second_look.py", "-n", "1"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_one_that_fails_beside_others_only_is_named_and_forgiven(tmp_path: Path) -> None:
    done = looked(tmp_path, integration__test_a=BESIDE, unit__test_b=STEADY)
    assert done.returncode == 0, done.stdout
    _, _, named = done.stdout.partition("UNSTEADY")
    assert "tests/integration/test_a.py::test_beside[al@pha]" in named
    assert "tests/integration/test_a.py::test_beside[x::y]" in named


def test_one_that_fails_alone_fails_the_run(tmp_path: Path) -> None:
    done = looked(tmp_path, integration__test_a=BROKEN)
    assert done.returncode == 1
    assert "UNSTEADY" not in done.stdout


REAL = "tests/integration/test_a.py::test_"


@pytest.mark.parametrize(
    "failed",
    [
        pytest.param(["tests/unit/test_a.py::test_b"], id="one without processes"),
        pytest.param([f"{REAL}b", "tests/contract/test_a.py::test_b"], id="beside one"),
        pytest.param([f"{REAL}{number}" for number in range(5)], id="more than four"),
        pytest.param(["tests/integration/test_a.py"], id="a file that is not read"),
    ],
)
def test_nothing_else_is_looked_at_again(failed: list[str]) -> None:
    assert again(failed) == []


def test_a_name_is_one_without_the_group_of_its_neighbours() -> None:
    failed = [f"{REAL}b[al@pha]@agents", f"{REAL}b[x@y]", f"{REAL}c@agents"]
    assert again(failed) == [f"{REAL}b[al@pha]", f"{REAL}b[x@y]", f"{REAL}c"]
