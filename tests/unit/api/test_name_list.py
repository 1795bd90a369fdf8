"""Names alone: those of all sites, and no letter more than all of them begin with."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.api.name_list import NameQuery, names_of
from fleet.contract.messages import Heartbeat
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.domain.enrolment import Enrolment
from fleet.domain.roster import Roster
from fleet.hub_client import HubError
from fleet.hub_names import names_of as asked_names
from tests.support.played_sites import NOW, Scene, fleets, played

names = st.text("ab0-", min_size=1, max_size=4).map(lambda text: f"a{text}0")


def roster_of(heard: Sequence[str], listed: Sequence[str] | None = None) -> Roster:
    roster = Roster()
    if listed is not None:
        roster.enrol(dict.fromkeys(listed, Enrolment()), at=NOW)
    for name in heard:
        beat = Heartbeat(ok=True, ts=timestamp(NOW))
        roster.observe(Address(name, MessageKind.HEARTBEAT), beat, at=NOW)
    return roster


@given(
    st.lists(st.lists(names, max_size=8), min_size=1, max_size=3),
    st.text("ab0-", max_size=3),
    st.none() | st.integers(2, 6),
)
def test_what_is_told_begins_with_no_more_than_all_begin_with(
    sites: list[list[str]], prefix: str, limit: int | None
) -> None:
    every = sorted({name for site in sites for name in site if name.startswith(prefix)})
    told, count = names_of(map(roster_of, sites), NameQuery(prefix, limit))
    assert count == len(every)
    assert len(told) == min(len(every), limit or len(every))
    assert told == sorted(told)
    assert set(told) <= set(every)
    assert (told[:1], told[-1:]) == (every[:1], every[-1:])


def test_of_one_site_no_name_is_looked_at() -> None:
    class Unseen(str):
        __slots__ = ()
        __hash__ = None  # type: ignore[assignment]

        def __lt__(self, other: str) -> bool:
            raise AssertionError(f"{other} is compared")

    order = [Unseen(f"a{number}") for number in range(9)]
    with mock.patch.object(Roster, "in_order", return_value=order):
        assert names_of([Roster()], NameQuery()) == (order, 9)
        assert names_of([Roster()], NameQuery(limit=2)) == ([order[0], order[-1]], 9)
    assert len(order) == 9


def test_who_is_enrolled_is_told_apart_where_there_is_a_list() -> None:
    roster = roster_of(["ada", "ghost"], ["ada", "never"])
    assert names_of([roster], NameQuery()) == (["ada", "ghost", "never"], 3)
    assert names_of([roster], NameQuery(enrolled=True)) == (["ada", "never"], 2)
    twin = roster_of([], ["ghost", "eve"])  # the first site's ghost is no agent of the second
    assert names_of([roster, twin], NameQuery(enrolled=True)) == (["ada", "eve", "never"], 3)
    assert names_of([roster_of(["ada"])], NameQuery(enrolled=True)) == (["ada"], 1)
    assert names_of([roster_of(["ada"], [])], NameQuery(enrolled=True)) == ([], 0)


@settings(max_examples=30, deadline=None)
@given(fleets, st.sampled_from(["", "0", "1-", "x"]), st.booleans(), st.booleans())
def test_a_hub_of_an_earlier_release_tells_the_same(
    fleet: Sequence[Scene], prefix: str, own: bool, enrolled: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch("time.time", return_value=NOW):
        hub: Any = played(fleet, Path(folder))
        now = asked_names(hub, prefix, own=own, enrolled=enrolled)
        get = hub.get

        def earlier(path: str) -> Any:
            if path.startswith("/v1/names"):
                raise HubError("the hub refuses", "there is no such route", "")
            return get(path)

        hub.get = earlier
        before = asked_names(hub, prefix, own=own, enrolled=enrolled)
    deaf_or_lost = any(scene.deaf or scene.lost for scene in fleet)  # there a ghost is unknown
    assert now == before or (enrolled and deaf_or_lost and set(now.names) <= set(before.names))


def test_a_hub_that_is_away_is_asked_once() -> None:
    class Away:
        asked = 0

        def get(self, path: str) -> Any:
            self.asked += 1
            from fleet.hub_client import AwayError

            raise AwayError("the hub does not answer", "", "")

    hub: Any = Away()
    with pytest.raises(HubError):
        asked_names(hub)
    assert hub.asked == 1
