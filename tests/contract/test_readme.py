"""What the README shows is there, and the calls in it work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support.one_liner import run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CALLS = re.findall(r"^bus-publish (.+)$", README, re.MULTILINE)


@pytest.mark.parametrize("call", CALLS)
def test_a_one_liner_of_the_readme_works(call: str, tmp_path: Path) -> None:
    words = shlex.split(call, comments=True)
    answer = run("--dry-run", *words, home=tmp_path, FLEET_AGENT="alpha")
    assert answer.returncode == 0, answer.stderr


def test_the_wrong_call_of_the_readme_is_answered_as_shown(tmp_path: Path) -> None:
    [(call, *shown)] = re.findall(r"^\$ bus-publish (.+)\n(.+)\n(.+)$", README, re.MULTILINE)
    answer = run(*shlex.split(call), home=tmp_path)
    assert answer.returncode == 3
    assert answer.stderr.splitlines() == shown
