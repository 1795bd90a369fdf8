"""A tool of MCP asks the hub for what a model can read, and says of it what the whole would say."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from mcp.server.mcpserver.exceptions import ToolError

from fleet import fleet_page
from fleet.domain.verdict import Verdict
from fleet.fleet_page import FleetPage, Narrowed, page_of
from fleet.fleet_state import told_by
from fleet.hub_client import HubClient
from fleet.mcp import answers
from fleet.mcp.server import FleetTools, StateWord
from fleet.mcp.words import Words
from fleet.settings import load
from tests.support.played_sites import NOW, Agent, Played, Scene, fleets, played

NAMES = ("0-0", "0-1", "1-0", "2-0")
narrowed = st.one_of(
    st.just(Narrowed()),
    st.builds(Narrowed, group=st.sampled_from(["", "web", "night"]),
              state=st.sampled_from(["", *(verdict.value for verdict in Verdict)])),
    st.builds(Narrowed, st.sampled_from(NAMES).map(lambda name: (name,))),
)  # fmt: skip


@contextmanager
def tools(hub: Played, folder: Path) -> Iterator[tuple[FleetTools, list[str]]]:
    """The tools over a hub, and what it is asked."""
    asked, get = [], hub.get

    def recorded(path: str) -> Any:
        asked.append(path)
        return get(path)

    hub.get = recorded  # type: ignore[method-assign]
    with mock.patch.object(HubClient, "asked", return_value=hub):
        yield FleetTools(load({"home": str(folder)}, {}), "me"), asked


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(fleets, narrowed, st.booleans())
def test_a_tool_says_what_the_whole_answer_says(
    fleet: Sequence[Scene], of: Narrowed, knows_found: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch("time.time", return_value=NOW):
        hub = played(fleet, Path(folder))
        hub.knows_found = knows_found
        state: Any = told_by(hub)  # type: ignore[arg-type]
        whole, words = page_of(of.among(state)), Words({}, state.listed)
        with tools(hub, Path(folder)) as (tool, asked):
            if of.agents:
                told = _described(tool, *of.agents)
                expected = answers.agent_answer(whole, words) if whole.views else "ABSENT"
                assert told.startswith(expected)
            else:
                told = asyncio.run(tool.status(of.state or None, of.group or None))  # type: ignore[arg-type]
                is_so = whole.views or of == Narrowed()
                none = answers.shortened(["NONE: no agent is so."], whole.note)
                assert told == (answers.fleet_answer(whole, words) if is_so else none)
            if of == Narrowed():
                assert asyncio.run(tool.check()) == answers.check_answer(whole, words)
    if knows_found:
        assert not [path for path in asked if path.startswith("/v1/agents") and "limit" not in path]


def _described(tool: FleetTools, agent: str) -> str:
    try:
        return asyncio.run(tool.describe(agent))
    except ToolError as error:
        return str(error)


LATE, ILL = Agent(silent=21.0), Agent(says="unwell")


def test_of_a_fleet_that_is_cut_the_counts_are_of_all_and_what_is_left_out_is_told(
    tmp_path: Path,
) -> None:
    with mock.patch("time.time", return_value=NOW), mock.patch.object(fleet_page, "MOST", 2):
        hub = played([Scene([Agent(silent=60.0)] * 4 + [LATE, ILL, Agent()])], tmp_path)
        state = told_by(hub)  # type: ignore[arg-type]
        page: FleetPage = page_of(state, 2)
    lines = answers.fleet_answer(page, Words()).splitlines()
    assert lines[0].startswith("CRITICAL: 7 agents: ")
    left = lines[-1]
    assert left.startswith(f"… and {page.more_problems} more problems, 2 more ")
    assert left.endswith("; ask status with a state or a group.")
    assert answers.check_answer(page, Words()).startswith("CRITICAL: 7 agents: ")
    assert answers.check_answer(page, Words()).endswith(f" and {page.more_problems} more")


def test_the_longest_answer_has_its_last_lines() -> None:
    told = answers.shortened([f"line {n}" for n in range(100)], "of the hub", "… and 9 more").split(
        "\n"
    )
    assert len(told) == answers.MOST
    assert told[-3:] == [
        "… and 53 more lines; ask for one agent.",
        "… and 9 more",
        "- note: of the hub",
    ]


def test_the_states_that_can_be_asked_for_are_the_verdicts() -> None:
    assert set(get_args(StateWord)) == {verdict.value for verdict in Verdict}
