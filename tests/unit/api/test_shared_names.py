"""An agent that two sites know is told once, and pages do not look for such again and again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from fleet.api.shared_names import SharedNames
from fleet.domain.enrolment import Enrolment
from fleet.domain.roster import Roster
from tests.support.played_sites import NOW, Agent, Scene, played

lists = st.frozensets(st.sampled_from("abcd"))


@given(st.lists(st.lists(lists, min_size=1, max_size=3), min_size=1, max_size=6))
def test_what_is_kept_is_what_a_look_at_all_names_finds(turns: Sequence[Sequence[Any]]) -> None:
    rosters, kept = [Roster() for _ in range(3)], SharedNames()
    for turn in turns:
        for roster, names in zip(rosters, turn, strict=False):
            roster.enrol(dict.fromkeys(names, Enrolment()), at=NOW)
        asked = rosters[: len(turn)]
        found = kept.of(asked)
        for at, names in enumerate(found):
            before = {name for one in asked[:at] for name in one.names()}
            assert names == before & asked[at].names()
        if len(asked) > 1:
            assert kept.of(asked) is found


def test_a_page_asks_no_other_site_of_every_name(tmp_path: Path) -> None:
    with mock.patch("time.time", return_value=NOW):
        hub = played([Scene([Agent()] * 50), Scene([Agent()] * 50)], tmp_path)
        with mock.patch.object(Roster, "knows", autospec=True, side_effect=Roster.knows) as knows:
            page = hub.get("/v1/agents?order=name&limit=2")
    assert len(page["agents"]) == 2
    assert knows.call_count <= 2  # once for each that is described
