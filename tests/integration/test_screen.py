"""The full screen shows the fleet and its events, driven as a terminal would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

pytest.importorskip("textual", reason="the extra tui is not installed")

from textual.widgets import DataTable, RichLog, Static

from fleet.cli.screen import Screen
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict

NOBODY = Roster().view("nobody", 0.0)
VIEWS = [
    replace(NOBODY, agent="gone", state=Verdict.OFFLINE, age=30.0),
    replace(NOBODY, agent="well", state=Verdict.OK, age=1.0),
]


async def events() -> AsyncIterator[str]:
    yield "21:30:00  well  heartbeat  ok"


async def test_agents_and_events_are_on_the_screen() -> None:
    async with Screen(lambda: VIEWS, events).run_test(size=(110, 30)) as pilot:
        await pilot.pause()
        table = pilot.app.query_one("#agents", DataTable)
        assert [table.get_row_at(n)[:3] for n in range(2)] == [
            ["gone", "offline", "30s ago"],
            ["well", "ok", "1s ago"],
        ]
        assert "critical gone agent-offline" in str(
            pilot.app.query_one("#problems", Static).content
        )
        log = pilot.app.query_one("#events", RichLog)
        assert "heartbeat  ok" in "\n".join(line.text for line in log.lines)
        await pilot.press("p")
        assert pilot.app.sub_title == "events paused"
        await pilot.press("q")
