"""The panes of the full screen and its keys, driven as a terminal would; work from a real hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("textual", reason="the extra tui is not installed")

from textual.widgets import DataTable, HelpPanel, Input, TabbedContent

from fleet.cli.monitor_hub_panes import HubPanes
from fleet.cli.monitor_panes import COLUMNS, Pane
from fleet.cli.monitor_tui import Screen
from fleet.contract.errors import BrokerError
from fleet.contract.vocabulary import Severity
from fleet.domain.problems import Problem
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict
from fleet.fleet_page import FleetPage, Narrowed, page_of
from fleet.fleet_state import FleetState
from fleet.settings import load
from tests.support.broker import Mosquitto
from tests.support.operated import ENDED, RUNNING, operated
from tests.support.work_hub import WorkHub, scene

NOBODY = Roster().view("nobody", 0.0)
VIEWS = [
    replace(NOBODY, agent="gone", state=Verdict.OFFLINE, groups=("edge",)),
    replace(NOBODY, agent="ada", state=Verdict.OK, groups=("edge", "lab")),
    replace(NOBODY, agent="bob", state=Verdict.OK, groups=("lab",)),
]
STATE = FleetState(VIEWS, [Problem("hub", Severity.CRITICAL, "audit-violation")])
TASKS = [("01JQ0000000000000000000001", "research", "working", "ada", "40%", "1/3", "5s")]


async def look() -> FleetPage:
    return page_of(STATE)


async def work() -> dict[Pane, list[tuple[str, ...]]]:
    return {Pane.WORK: [*TASKS]}


async def nothing() -> AsyncIterator[str]:
    for line in ():
        yield line


def rows(app: Any, pane: str) -> list[list[str]]:
    table = app.query_one(f"#{pane}", DataTable)
    return [[str(cell) for cell in table.get_row_at(n)] for n in range(table.row_count)]


async def test_where_there_are_several_sites_each_agent_has_its_own() -> None:
    several = FleetState([replace(view, site="lima") for view in VIEWS], [])

    async def look_wide() -> FleetPage:
        return page_of(several)

    async with Screen(look_wide, nothing).run_test(size=(120, 40)) as pilot:
        while not rows(pilot.app, "agents"):
            await pilot.pause(0.05)
        assert [row[-1] for row in rows(pilot.app, "agents")] == ["lima"] * 3
    async with Screen(look, nothing).run_test(size=(120, 40)) as pilot:
        while not rows(pilot.app, "agents"):
            await pilot.pause(0.05)
        assert len(rows(pilot.app, "agents")[0]) == len(COLUMNS[Pane.AGENTS])


async def test_groups_alerts_and_work_have_their_panes() -> None:
    async with Screen(look, nothing, work).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert rows(pilot.app, "groups") == [
            ["edge", "2", "offline", "1 offline, 1 ok"],
            ["lab", "2", "ok", "2 ok"],
        ]
        assert [row[:3] for row in rows(pilot.app, "alerts")] == [
            ["critical", "hub", "audit-violation"],
            ["critical", "gone", "agent-offline"],
        ]
        assert rows(pilot.app, "work") == [list(TASKS[0])]


async def test_of_a_large_fleet_the_worst_are_shown_and_how_many_more_there_are() -> None:
    async def look_at_the_worst() -> FleetPage:
        return page_of(STATE, 1)

    async with Screen(look_at_the_worst, nothing).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert [row[0] for row in rows(pilot.app, "agents")] == ["gone"]
        told = str(pilot.app.query_one("#problems").render())
        assert "below are the worst 1, and not 2 more agents: 2 ok" in told


async def test_whoever_is_not_among_the_worst_is_found_by_a_text() -> None:
    async def look_at_the_worst() -> FleetPage:
        return page_of(STATE, 1)

    async def search(text: str) -> FleetPage:
        return page_of(Narrowed(text=text).among(STATE))

    screen = Screen(look_at_the_worst, nothing, search=search)
    async with screen.run_test(size=(120, 40)) as pilot:
        await pilot.press("slash", "b", "o", "b")
        while [row[0] for row in rows(pilot.app, "agents")] != ["bob"]:
            await pilot.pause(0.05)
        await pilot.press("escape")
        while [row[0] for row in rows(pilot.app, "agents")] != ["gone"]:
            await pilot.pause(0.05)


async def test_a_search_that_finds_too_many_says_how_many_are_not_shown() -> None:
    async def look_at_the_worst() -> FleetPage:
        return page_of(STATE, 1)

    async def search(text: str) -> FleetPage:
        return page_of(Narrowed(text=text).among(STATE), 1)

    screen = Screen(look_at_the_worst, nothing, search=search)
    async with screen.run_test(size=(200, 40)) as pilot:
        await pilot.press("slash", "o", "k")
        while len(rows(pilot.app, "agents")) != 1 or rows(pilot.app, "agents")[0][0] == "gone":
            await pilot.pause(0.05)
        told = str(pilot.app.query_one("#problems").render())
        assert "; of those searched for the worst 1, and not 1 more agent: 1 ok" in told


@pytest.mark.parametrize("pane", [pane.value for pane in Pane])
async def test_a_colon_goes_to_a_pane(pane: str) -> None:
    async with Screen(look, nothing, work).run_test(size=(120, 40)) as pilot:
        await pilot.press("colon", *pane[:2], "enter")
        await pilot.pause()
        assert pilot.app.query_one(TabbedContent).active == f"pane-{pane}"
        focused = pilot.app.focused
        assert focused is not None
        assert focused.id == pane, "so that the arrows move in it"


async def test_an_unknown_pane_is_said_and_q_quits() -> None:
    async with Screen(look, nothing, work).run_test(size=(120, 40)) as pilot:
        await pilot.press("colon", "x", "enter")
        await pilot.pause()
        assert pilot.app.query_one(TabbedContent).active == "pane-agents"
        assert [one.title for one in pilot.app._notifications] == ["no such pane"]
        await pilot.press("colon", "q", "enter")
        await pilot.pause()
    assert pilot.app.return_code == 0


async def test_a_slash_narrows_every_pane_and_escape_shows_all() -> None:
    async with Screen(look, nothing, work).run_test(size=(120, 40)) as pilot:
        await pilot.press("slash", "g", "o", "n", "e")
        await pilot.pause()
        assert [row[0] for row in rows(pilot.app, "agents")] == ["gone"]
        assert [row[1] for row in rows(pilot.app, "alerts")] == ["gone"]
        assert rows(pilot.app, "work") == []
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.sub_title == "only 'gone'"
        assert not pilot.app.query_one("#ask", Input).display
        await pilot.press("escape")
        await pilot.pause()
        assert len(rows(pilot.app, "agents")) == 3


async def test_a_question_mark_shows_the_keys_and_hides_them() -> None:
    async with Screen(look, nothing, work).run_test(size=(120, 40)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        assert pilot.app.screen.query(HelpPanel)
        await pilot.press("question_mark")
        await pilot.pause()
        assert not pilot.app.screen.query(HelpPanel)


async def test_work_that_cannot_be_had_leaves_the_agents() -> None:
    async def away() -> dict[Pane, list[tuple[str, ...]]]:
        raise BrokerError("the hub is away", "connection refused", "fleet serve")

    async with Screen(look, nothing, away).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert len(rows(pilot.app, "agents")) == 3
        assert "the hub is away" in str(pilot.app.query_one("#problems").render())


async def test_work_rollouts_pairs_and_forecasts_come_from_the_hub(
    tmp_path: Path, broker: Mosquitto
) -> None:
    served = operated(tmp_path, broker)
    try:
        made = scene(WorkHub(served))
        settings = load({"home": str(served.home), "broker": None}, served.environ)
        found = await HubPanes(settings).look()
    finally:
        served.stop()
    tasks = {row[0]: row for row in found[Pane.WORK]}
    assert tasks[made.claimed][1:5] == ("research", "working", "worker", "0%")
    rollouts = {row[0]: row[1:7] for row in found[Pane.ROLLOUTS]}
    assert rollouts[RUNNING] == ("2.0", "running", "2", "2/7", "1", "2")
    assert rollouts[ENDED][:2] == ("1.9-bad", "aborted (threshold)")
    pairs = {row[0]: row[1:7] for row in found[Pane.PAIRS]}
    assert pairs["desk"] == (
        "manual",
        "not-fenceable",
        "bot-a (suspect)",
        "bot-b (unknown)",
        "yes",
        "3",
    )
    assert found[Pane.FORECAST][0][:2] == ("ada", "disk_available_bytes")
    for pane, rows_ in found.items():
        assert {len(row) for row in rows_} == {len(COLUMNS[pane])}
