"""A page of the fleet: worst first, each agent once, whatever is filtered."""

from __future__ import annotations

import pytest

from fleet.api.agent_query import AgentQuery, choose, labels
from fleet.contract.messages import Heartbeat
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import Kind, MessageKind
from fleet.domain.enrolment import Enrolment
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict

NOW = 1_800_000_000.0


@pytest.fixture
def roster() -> Roster:
    """Seven agents: a0, a3 and a6 are degraded."""
    roster = Roster()
    for number in range(7):
        beat = Heartbeat(ok=number % 3 != 0, ts=timestamp(NOW))
        roster.observe(Address(f"a{number}", MessageKind.HEARTBEAT), beat, at=NOW)
    return roster


def pages(roster: Roster, **wanted: object) -> list[list[str]]:
    found, cursor = [], None
    while True:
        chosen = choose(roster, AgentQuery(cursor=cursor, **wanted))  # type: ignore[arg-type]
        found.append(chosen.names)
        cursor = chosen.next
        if cursor is None:
            return found


def test_without_a_limit_all_come_at_once_worst_first(roster: Roster) -> None:
    assert pages(roster) == [["a0", "a3", "a6", "a1", "a2", "a4", "a5"]]


def test_pages_go_on_where_the_last_one_ended(roster: Roster) -> None:
    assert pages(roster, limit=3) == [["a0", "a3", "a6"], ["a1", "a2", "a4"], ["a5"]]
    assert pages(roster, limit=7) == [["a0", "a3", "a6", "a1", "a2", "a4", "a5"]]


def test_an_agent_that_recovers_meanwhile_moves_to_its_new_place(roster: Roster) -> None:
    first = choose(roster, AgentQuery(limit=2))
    beat = Heartbeat(ok=True, ts=timestamp(NOW))
    roster.observe(Address("a3", MessageKind.HEARTBEAT), beat, at=NOW)
    rest = choose(roster, AgentQuery(cursor=first.next))
    assert rest.names == ["a6", "a1", "a2", "a3", "a4", "a5"]


def test_by_name_each_is_on_one_page_however_it_is_meanwhile(roster: Roster) -> None:
    assert pages(roster, by_name=True, limit=3) == [["a0", "a1", "a2"], ["a3", "a4", "a5"], ["a6"]]
    first = choose(roster, AgentQuery(by_name=True, limit=4))
    beat = Heartbeat(ok=False, ts=timestamp(NOW))
    roster.observe(
        Address("a5", MessageKind.HEARTBEAT), beat, at=NOW
    )  # worse: worst first moves it
    rest = choose(roster, AgentQuery(by_name=True, cursor=first.next))
    assert (first.names, rest.names) == (["a0", "a1", "a2", "a3"], ["a4", "a5", "a6"])
    ill = choose(roster, AgentQuery(frozenset({Verdict.DEGRADED}), by_name=True, limit=2))
    assert (ill.names, ill.next, ill.total) == (["a0", "a3"], "a3", 4)
    with pytest.raises(ValueError, match="not a cursor"):
        choose(roster, AgentQuery(by_name=True, cursor="ok.a1"))


def test_states_text_and_group_narrow_the_list_and_its_total(roster: Roster) -> None:
    ok = choose(roster, AgentQuery(states=frozenset({Verdict.OK}), limit=1))
    assert (ok.names, ok.total) == (["a1"], 4)
    assert choose(roster, AgentQuery(text=" DEGR")).names == ["a0", "a3", "a6"]
    assert choose(roster, AgentQuery(text="a5")).names == ["a5"]
    roster.enrol({"a2": Enrolment({"group": "web"}), "a4": Enrolment()}, at=NOW)
    assert choose(roster, AgentQuery(group="web")).names == ["a2"]


def test_names_kinds_and_groups_narrow_as_the_options_of_a_command_do(roster: Roster) -> None:
    roster.enrol(
        {
            "a1": Enrolment({"group": "lab"}, Kind.HERMES, ("web", "edge")),
            "a2": Enrolment({"group": "web"}, Kind.NANOBOT),
            "a4": Enrolment(kind=Kind.HERMES),
        },
        at=NOW,
    )

    def of(**wanted: frozenset[object]) -> list[str]:
        return choose(roster, AgentQuery(**wanted)).names  # type: ignore[arg-type]

    assert of(names=frozenset({"a4", "a1", "nobody"})) == ["a1", "a4"]
    assert of(kinds=frozenset({Kind.HERMES})) == ["a1", "a4"]
    assert of(member_of=frozenset({"web", "night"})) == ["a1", "a2"]
    assert of(member_of=frozenset({"lab"})) == []  # who is put into groups is in no other one
    assert of(member_of=frozenset({"web"}), kinds=frozenset({Kind.NANOBOT})) == ["a2"]


@pytest.mark.parametrize("cursor", ["", "ok", "ok.", "fine.a1", "ok.A"])
def test_a_cursor_of_somebody_elses_is_refused(roster: Roster, cursor: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        choose(roster, AgentQuery(cursor=cursor))


def test_a_page_begins_anywhere(roster: Roster) -> None:
    page = choose(roster, AgentQuery(offset=2, limit=3))
    assert (page.names, page.total) == (["a6", "a1", "a2"], 7)
    assert choose(roster, AgentQuery(offset=9, limit=3)).names == []


def test_labels_narrow_and_are_told_with_how_many_have_them(roster: Roster) -> None:
    roster.enrol(
        {
            "a1": Enrolment({"group": "web", "site": "fra"}),
            "a2": Enrolment({"site": "fra"}, groups=("web", "edge")),
            "a3": Enrolment({"site": "ams"}),
        },
        at=NOW,
    )
    assert choose(roster, AgentQuery(labels=(("site", "fra"),))).names == ["a1", "a2"]
    assert choose(roster, AgentQuery(labels=(("site", "fra"),), group="edge")).names == ["a2"]
    assert choose(roster, AgentQuery(labels=(("site", "fra"), ("group", "x")))).names == []
    assert labels([roster]) == {
        "groups": {"web": 2, "edge": 1},
        "labels": {"site": {"fra": 2, "ams": 1}, "group": {"web": 1}},
    }
