"""Whose group an agent is of, and what it may claim: from the list of agents alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.provisioning.registry import FILE, Enrolled, Registry
from fleet.work.members import BUILT_IN, Members, members_of


def test_an_agent_without_a_group_shares_with_nobody() -> None:
    found = members_of({"ada": Enrolled("ada"), "bob": Enrolled("bob", groups=("red", "web"))})
    assert (found["ada"].group, found["bob"].group) == ("ada", "red")


def test_a_name_that_is_others_group_is_no_way_into_it() -> None:
    found = members_of({"red": Enrolled("red"), "bob": Enrolled("bob", groups=("red",))})
    assert found["red"].group == ""


def test_what_an_agent_may_claim_is_what_its_enrolment_says_and_what_is_built_in() -> None:
    agent = Enrolled("ada", can=("research",), may_delegate=True)
    found = members_of({"ada": agent})["ada"]
    assert found.kinds == {"research", *BUILT_IN}
    assert found.may_delegate


def test_one_more_kind_is_said_with_those_that_an_agent_has() -> None:
    found = members_of({"ada": Enrolled("ada", can=("review", "research"))})["ada"]
    assert found.and_also("homes") == "homes,research,review"


def test_a_change_of_the_list_holds_at_once_and_a_damaged_list_opens_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry, members = Registry(tmp_path), Members(tmp_path)
    assert members.of("ada").group == ""
    registry.save(Enrolled("ada", groups=("red",)))
    assert members.of("ada").group == "red"
    assert [one.name for one in members.in_group("red")] == ["ada"]
    (tmp_path / FILE).write_text("{")
    assert members.of("ada").group == "red"
    assert members.of("eve").group == ""
    assert "not usable" in caplog.text
    registry_again = tmp_path / FILE
    registry_again.unlink()
    registry.save(Enrolled("ada", groups=("red",)))
    registry.revoke("ada", 1.0)
    assert members.of("ada").group == ""
    assert members.groups() == []
