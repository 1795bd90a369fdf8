"""A page of a fleet is cut by its hub, and says what the whole answer says: the same agents and
problems, the same exit code and line, whatever was left out."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import event, given, settings
from hypothesis import strategies as st

from fleet.cli import looking
from fleet.cli.agent_choice import AgentChoice
from fleet.cli.check import _asked, verdict, verdict_of
from fleet.cli.status import _print_agent, print_page
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind
from fleet.domain.problems import Problem
from fleet.domain.verdict import Verdict
from fleet.fleet_page import FleetPage, page_of
from fleet.fleet_state import told_by
from tests.support.played_sites import GROUPS, NOW, SITES, Scene, fleets, played

names = st.sampled_from(["0-0", "0-1", "0-2", "1-0", "1-1", "nobody"])
choices = st.one_of(
    st.just(AgentChoice()),
    st.builds(
        AgentChoice,
        names=st.lists(names, max_size=2).map(tuple),
        groups=st.lists(st.sampled_from(GROUPS), max_size=2).map(tuple),
        labels=st.sampled_from([(), (), (("group", "web"),)]),
        kinds=st.lists(st.sampled_from([kind.value for kind in Kind]), max_size=2).map(tuple),
        states=st.lists(st.sampled_from([one.value for one in Verdict]), max_size=3).map(tuple),
        sites=st.lists(st.sampled_from([*SITES, "rome"]), max_size=2).map(tuple),
    ),
    st.builds(AgentChoice, sites=st.sampled_from(SITES).map(lambda site: (site,))),
    st.builds(AgentChoice, names=names.map(lambda name: (name,))),
)


def without_site(problem: Problem) -> Problem:
    """Of an agent's problem, whose hub tells it is known by the agent."""
    return replace(problem, site="")


def comparable(page: FleetPage) -> dict[str, Any]:
    return {
        "views": [replace(view, held=()) for view in page.views],
        "problems": [without_site(problem) for problem in page.problems],
        "more": (page.more_problems, page.more_agents),
        "own": page.own,
        "exit": page.exit_code,
        "note": page.note,
        "words": page.found.words,
        "loud": (page.found.loud, [without_site(problem) for problem in page.found.loudest]),
    }


def shown(page: FleetPage, choice: AgentChoice) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        if choice.is_of_one:
            _print_agent(page.views[0], page.problems, "json")
            _print_agent(page.views[0], page.problems, "table")
        else:
            print_page(page, wide=True, of=str(choice))
    return out.getvalue()


def told(look: Callable[[], FleetPage]) -> FleetPage | str:
    """A page, or why there is none."""
    try:
        return look()
    except ConfigError as error:
        return str(error)


@settings(max_examples=100, deadline=None)
@given(fleets, choices, st.integers(1, 3), st.sampled_from([True, True, True, False]))
def test_a_page_says_what_the_whole_answer_says(
    fleet: Sequence[Scene], choice: AgentChoice, most: int, knows_found: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch("time.time", return_value=NOW):
        hub: Any = played(fleet, Path(folder))
        hub.knows_found = knows_found
        of_all = told(lambda: page_of(choice.among(told_by(hub)), most))
        page = told(lambda: looking._told_by(hub, choice, most))
    if isinstance(page, str) or isinstance(of_all, str):
        assert page == of_all
        return
    assert comparable(page) == comparable(of_all)
    assert shown(page, choice) == shown(of_all, choice)
    assert len(page.views) <= most
    event(f"cut: {bool(page.more_agents)}")


@settings(max_examples=100, deadline=None)
@given(fleets, st.lists(names, max_size=3))
def test_a_check_is_the_same_whoever_counts(fleet: Sequence[Scene], wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch("time.time", return_value=NOW):
        hub: Any = played(fleet, Path(folder))
        page, state = _asked(hub, wanted), told_by(hub)
    assert page is not None
    assert verdict_of(page, wanted) == verdict(state.views, wanted, state.own)
    assert page.note == state.note
