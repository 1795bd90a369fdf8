"""Everybody, asked a page at a time, is everybody in one answer: each once, however they change."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import fleet_state
from fleet.contract.messages import Heartbeat
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.doctor.host import _counts
from fleet.fleet_page import MOST_NAMED, Narrowed, look, page_of
from fleet.fleet_state import everybody, note_of, told_by
from fleet.hub_client import HubClient
from fleet.settings import load
from tests.support.played_sites import NOW, Agent, Scene, fleets, played

queries = st.sampled_from(["", "state=ok", "member=web", "site=lima", "agent=0-0&agent=1-0"])


@settings(max_examples=60, deadline=None)
@given(fleets, queries, st.integers(1, 3))
def test_pages_tell_what_one_answer_tells(fleet: Sequence[Scene], query: str, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch("time.time", return_value=NOW):
        hub: Any = played(fleet, Path(folder))
        whole = hub.get(f"/v1/agents?{query}")
        with mock.patch.object(fleet_state, "PAGE", size):
            told, state = everybody(hub, query), told_by(hub, query)
        assert state == told_by(hub, query)
        stats = hub.backend.stats()
        alerts = hub.get("/v1/alerts")["alerts"]
    own = [alert for alert in alerts if alert["agent"] is None and "site" not in alert]
    firing = {alert["code"] for alert in own if alert["state"] == "firing"}
    assert state.note == note_of(told, firing)
    names = [agent["agent"] for agent in told["agents"]]
    assert names == sorted(names)
    assert sorted(whole["agents"], key=lambda agent: agent["agent"]) == told["agents"]
    left_out = {"agents", "problems"}
    assert {k: v for k, v in told.items() if k not in left_out} == {
        k: v for k, v in whole.items() if k not in left_out
    }
    assert set(_counts(stats, told)) == set(_counts(stats, whole))


@pytest.mark.parametrize("knows_order", [True, False])
def test_who_changes_between_two_pages_is_told_once(knows_order: bool, tmp_path: Path) -> None:
    with (
        mock.patch("time.time", return_value=NOW),
        mock.patch.object(fleet_state, "PAGE", 2),
    ):
        hub: Any = played([Scene([Agent()] * 5)], tmp_path)
        get, roster = hub.get, hub.backend._hub.roster

        def asked(path: str) -> Any:
            answer = get(path if knows_order else path.replace("order=name&", ""))
            beat = Heartbeat(ok=False, ts=timestamp(NOW))
            roster.observe(Address("0-4", MessageKind.HEARTBEAT), beat, at=NOW)
            return answer

        hub.get = asked
        told = [agent["agent"] for agent in everybody(hub)["agents"]]
    assert sorted(told) == [f"0-{number}" for number in range(5)]


def test_what_is_told_beside_agents_is_as_new_as_they(tmp_path: Path) -> None:
    with (
        mock.patch("time.time", return_value=NOW),
        mock.patch.object(fleet_state, "PAGE", 2),
    ):
        hub: Any = played([Scene([Agent()] * 5)], tmp_path)
        get, told = hub.get, list[Any]()

        def asked(path: str) -> Any:
            answer = get(path)
            if path.startswith("/v1/agents"):  # the hub is led elsewhere from page to page
                told.append(answer | {"standby": f"broker-{len(told)}", "hub": [len(told)]})
                return told[-1]
            return answer

        hub.get = asked
        state = everybody(hub)
    assert len(told) == 3
    assert (state["standby"], state["hub"], state["next"]) == ("broker-2", [2], None)


some = st.sampled_from([Narrowed(), Narrowed(frozenset())]) | st.builds(
    Narrowed,
    st.sampled_from([(), (), ("0-0",), tuple(f"0-{number}" for number in range(MOST_NAMED + 1))]),
    st.sampled_from(["", "web"]),
    st.sampled_from(["", "ok", "late"]),
    st.sampled_from(["", "0-", " OFF", "k"]),
)


@settings(max_examples=60, deadline=None)
@given(fleets, some, st.integers(1, 3))
def test_some_are_those_among_all(fleet: Sequence[Scene], of: Narrowed, most: int) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch("time.time", return_value=NOW):
        hub: Any = played(fleet, Path(folder))
        with mock.patch.object(HubClient, "asked", return_value=hub):
            page = asyncio.run(look(load({"home": folder}, {}), of, most))
        every = told_by(hub)
        whole = page_of(of.among(every), most)
    some_asked_for = of.agents or of.group or of.state or of.text
    assert page.own == whole.own == ([] if some_asked_for else every.own)
    assert [replace(view, held=()) for view in page.views] == [
        replace(view, held=()) for view in whole.views
    ]
    assert {view.agent: [str(p) for p in page.wrong[view.agent]] for view in page.views} == {
        view.agent: [str(p) for p in whole.wrong[view.agent]] for view in whole.views
    }
    assert (page.exit_code, page.more, page.found.problems) == (
        whole.exit_code, whole.more, whole.found.problems,
    )  # fmt: skip
