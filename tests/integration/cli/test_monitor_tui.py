"""The full screen shows the fleet and its events, driven as a terminal would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("textual", reason="the extra tui is not installed")

from textual.widgets import DataTable, RichLog, Static

from fleet.bus.mqtt import open_bus
from fleet.cli import monitor
from fleet.cli.monitor_tui import AskHub, Events, Look, Screen, Search
from fleet.contract.errors import BrokerError
from fleet.contract.printable import printable
from fleet.contract.reader import Reader
from fleet.contract.vocabulary import Severity
from fleet.domain.problems import Problem
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict
from fleet.fleet_page import FleetPage, page_of
from fleet.fleet_state import ALONE, FleetState
from fleet.settings import load
from tests.support.broker import Mosquitto
from tests.support.terminal import HOSTILE, Shown

NOBODY = Roster().view("nobody", 0.0)
VIEWS = [
    replace(NOBODY, agent="gone", state=Verdict.OFFLINE, age=30.0),
    replace(NOBODY, agent="well", state=Verdict.OK, age=1.0),
]
OWN = [Problem("hub", Severity.CRITICAL, "audit-violation")]


async def events() -> AsyncIterator[str]:
    yield "21:30:00  well  heartbeat  ok"


async def test_agents_problems_and_events_are_on_the_screen() -> None:
    async def look() -> FleetPage:
        return page_of(FleetState(VIEWS, OWN, "a note"))

    async with Screen(look, events).run_test(size=(110, 30)) as pilot:
        await pilot.pause()
        table = pilot.app.query_one("#agents", DataTable)
        assert [[str(cell) for cell in table.get_row_at(n)[:3]] for n in range(2)] == [
            ["gone", "offline", "30s ago"],
            ["well", "ok", "1s ago"],
        ]
        told = str(pilot.app.query_one("#problems", Static).content).splitlines()
        assert told == ["critical hub: audit-violation, critical gone: agent-offline", "a note"]
        log = pilot.app.query_one("#events", RichLog)
        assert "heartbeat  ok" in "\n".join(line.text for line in log.lines)
        await pilot.press("p")
        assert pilot.app.sub_title == "events paused"
        await pilot.press("q")


async def test_text_that_steers_is_seen_and_no_markup_is_obeyed() -> None:
    view = replace(VIEWS[0], versions={"agent": f"[red]{HOSTILE}"})

    async def look() -> FleetPage:
        return page_of(FleetState([view], OWN, HOSTILE))

    async def lines() -> AsyncIterator[str]:
        yield HOSTILE

    async with Screen(look, lines).run_test(size=(400, 30)) as pilot:
        await pilot.pause()
        cell = str(pilot.app.query_one("#agents", DataTable).get_row_at(0)[6])
        assert cell == printable(f"[red]{HOSTILE}")
        told = str(pilot.app.query_one("#problems", Static).content)
        log = pilot.app.query_one("#events", RichLog)
        for text in (told, "\n".join(line.text for line in log.lines)):
            assert "\\u202eevil" in text
            assert Shown(text.encode(), 0).steering() == ""


async def test_a_hub_that_goes_away_is_told_on_the_screen() -> None:
    async def look() -> FleetPage:
        raise BrokerError("the broker is away", "connection refused", "fleet broker")

    async with Screen(look, events).run_test(size=(110, 30)) as pilot:
        await pilot.pause()
        told = str(pilot.app.query_one("#problems", Static).content)
        assert "the broker is away" in told
        assert "Try: fleet broker" in told


async def test_each_event_is_on_the_screen_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broker: Mosquitto
) -> None:
    settings = load({"home": str(tmp_path), "broker": broker.url})
    lens = monitor.MonitorFilter(settings.topics, Reader(), frozenset(), frozenset())
    shown: list[str] = []

    class Watcher:
        def __init__(self, look: Look, lines: Events, hub: AskHub, _: Search) -> None:
            self._look, self._lines, self._hub = look, lines, hub

        async def run_async(self) -> None:
            async with open_bus(settings) as agent:
                for ok in ("true", "false"):
                    beat = f'{{"ok":{ok},"ts":"2026-03-18T21:30:00Z"}}'.encode()
                    await agent.publish("fleet/well/heartbeat", beat, retain=True)
            async with asyncio.timeout(30):
                async for line in self._lines():
                    shown.append(line)
                    if "not ok" in line:
                        break
            state = await self._look()
            assert [view.agent for view in state.views] == ["well"]
            assert state.note == ALONE
            assert await self._hub() == {}, "without a hub there is no work"

    monkeypatch.setattr("fleet.cli.monitor_tui.Screen", Watcher)
    await monitor._on_screen(settings, lens)
    assert len(shown) == 2
