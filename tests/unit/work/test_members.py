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


def test_an_agent_of_another_name_keeps_its_group_of_one_and_nobody_falls_into_it() -> None:
    heir = Enrolled("ida", works_as="ada", succeeds="ada")
    both = members_of({"ada": Enrolled("ada"), "ida": heir})
    assert (both["ada"].group, both["ida"].group) == ("ada", "ada")
    over = Enrolled("ida", works_as="ada")
    after = members_of({"ada": Enrolled("ada"), "ida": over, "bob": Enrolled("bob")})
    assert (after["ada"].group, after["ida"].group, after["bob"].group) == ("", "ada", "bob")
    taken = members_of({"ida": over, "bob": Enrolled("bob", groups=("ada",))})
    assert taken["ida"].group == ""


def test_who_inherits_an_agents_work_has_its_rights_and_its_group(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(Enrolled("ada", can=("research",), may_delegate=True))
    registry.save(Enrolled("ida", succeeds="ada"))
    registry.inherit("ida", (registry.agents() or {})["ada"])
    heir = (registry.agents() or {})["ida"]
    assert (heir.can, heir.may_delegate, heir.work_group) == (("research",), True, "ada")


def test_who_inherits_again_keeps_what_it_was_allowed_since(tmp_path: Path) -> None:
    registry, ada = Registry(tmp_path), Enrolled("ada", can=("research",), may_delegate=True)
    registry.save(Enrolled("ida", succeeds="ada"))
    registry.inherit("ida", ada)
    less = registry.allow("ida", can=("review",), may_delegate=False)
    registry.inherit("ida", ada)
    assert (registry.agents() or {})["ida"] == less


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
