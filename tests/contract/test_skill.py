"""The skill teaches calls that work, and every word of the contract that they may use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity, State
from tests.support.one_liner import run

SKILL = (Path(__file__).parents[2] / "skills" / "fleet-bus" / "SKILL.md").read_text()
CALLS = re.findall(r"`bus-publish (.+?)`", SKILL)


def test_the_skill_has_a_name_and_says_when_to_use_it() -> None:
    assert re.match(r"---\nname: fleet-bus\ndescription: .{80,1024}\n---\n", SKILL)


def test_the_skill_fits_on_one_screen() -> None:
    assert len(SKILL.splitlines()) <= 45


@pytest.mark.parametrize("call", CALLS)
def test_a_call_of_the_skill_works(call: str, tmp_path: Path) -> None:
    answer = run("--dry-run", *call.split(), home=tmp_path, FLEET_AGENT="alpha")
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("words", [AlertCode, Check, Plane, Severity, State])
def test_the_skill_knows_every_word(words: type[AlertCode]) -> None:
    assert [word for word in words if not re.search(rf"[`=]{word}`", SKILL)] == []
