"""The scripts of the repository, where the machine lacks what they need."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.parametrize("version", [None, "exit 1"])
def test_quickstart_says_which_python_it_needs(version: str | None, tmp_path: Path) -> None:
    """Without any Python, and with one that fails the question for its version."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for program in ("sh", "dirname", "cat", "cksum"):
        (bin_ / program).symlink_to(str(shutil.which(program)))
    if version:
        (bin_ / "python3").write_text(f"#!/bin/sh\n{version}\n")
        (bin_ / "python3").chmod(0o755)
    answer = subprocess.run(
        ["sh", tmp_path / "scripts" / "quickstart.sh", "--once"],
        env={"PATH": str(bin_), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 3
    last = answer.stderr.splitlines()[-2:]
    assert last[0].startswith("Python 3.11 or newer is needed")
    assert last[1].startswith("Try: ")


def test_the_checks_refuse_an_unknown_option() -> None:
    answer = subprocess.run(
        ["sh", SCRIPTS / "test.sh", "--fast"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 3
    assert "Try: sh scripts/test.sh" in answer.stderr
