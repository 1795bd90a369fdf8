"""A page of a fleet is cut by its hub, and says what the whole answer says: the same agents and
problems, the same exit code and line, whatever was left out."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fleet.cli import looking, status
from fleet.cli.agent_choice import MOST_LETTERS, AgentChoice
from fleet.cli.check import _asked, verdict, verdict_of
from fleet.cli.status import _print_agent, print_page
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind
from fleet.domain.liveness import late_at
from fleet.domain.problems import ExitCode, Problem
from fleet.domain.verdict import Verdict
from fleet.fleet_page import MOST, FleetPage, page_of
from fleet.fleet_state import told_by
from tests.support.played_sites import (
    GROUPS,
    INTERVAL,
    NOW,
    SITES,
    Agent,
    Scene,
    fleets,
    played,
)

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
        of_all = told(lambda: page_of(looking._all_told_by(hub, choice), most))
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


LATE_SINCE_THE_TICK = Agent(silent=late_at(0.0, INTERVAL) + 0.5)


@pytest.mark.parametrize("choice", [AgentChoice(), AgentChoice(states=("ok",))], ids=["all", "ok"])
def test_where_nobody_is_left_out_what_is_shown_is_what_is_counted(
    choice: AgentChoice, tmp_path: Path
) -> None:
    fleet = [Scene([Agent(), Agent(), LATE_SINCE_THE_TICK], ticked=1.0)]
    with mock.patch("time.time", return_value=NOW):
        hub: Any = played(fleet, tmp_path)
        of_all = page_of(looking._all_told_by(hub, choice))
        page = looking._told_by(hub, choice, MOST)
    assert len(page.views) == (2 if choice.states else 3)
    assert comparable(page) == comparable(of_all)
    assert (page.more_agents, page.more_problems) == ({}, 0)
    assert page.exit_code is (ExitCode.OK if choice.states else ExitCode.WARNING)


@pytest.mark.parametrize("knows_found", [True, False])
@pytest.mark.parametrize("output", ["json", "table"])
def test_of_a_name_that_two_sites_have_the_site_that_is_asked_for_is_told(
    knows_found: bool, output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("time.time", lambda: NOW)
    hub: Any = played([Scene([Agent()]), Scene([Agent(says="unwell", twin=True)])], tmp_path)
    hub.knows_found = knows_found
    monkeypatch.setattr(looking, "asked_of_hub", lambda _, ask: (ask(hub), ""))
    choice, nothing = AgentChoice(sites=("lima",)), None
    status._show(nothing, choice, output, watch=False, drift=False)  # type: ignore[arg-type]
    out = capsys.readouterr().out
    if output == "json":
        [agent] = json.loads(out)["agents"]
        assert (agent["agent"], agent["site"], agent["state"]) == ("0-0", "lima", "degraded")
    else:
        assert out.splitlines()[-1].split()[:3] == ["0-0", "lima", "degraded"]


def test_who_is_named_and_is_of_another_site_is_known_there(tmp_path: Path) -> None:
    hub: Any = played([Scene([Agent()]), Scene([Agent()])], tmp_path)
    choice = AgentChoice(names=("0-0",), sites=("lima",))
    assert looking._all_told_by(hub, choice).views == looking._told_by(hub, choice, 1).views == []
    nobody = AgentChoice(names=("0-9",), sites=("lima",))
    with pytest.raises(ConfigError, match=r"nobody has heard of 0-9: 0-0\?"):
        looking._all_told_by(hub, nobody)
    with pytest.raises(ConfigError, match=r"nobody has heard of 0-9: 0-0\?"):
        looking._told_by(hub, nobody, 1)


@pytest.mark.parametrize(
    "choice",
    [
        AgentChoice(groups=("g" * (MOST_LETTERS["member"] + 1),)),
        AgentChoice(labels=(("k", "v" * (MOST_LETTERS["label"] - 1)),)),
        AgentChoice(sites=("s" * (MOST_LETTERS["site"] + 1),)),
        AgentChoice(groups=("g\udcff",)),
        AgentChoice(labels=(("k", "\udcff"),)),
        AgentChoice(groups=tuple(f"{number:060}" for number in range(200))),
    ],
    ids=["group", "label", "site", "group-bytes", "label-bytes", "many"],
)
def test_what_a_hub_would_refuse_is_looked_for_in_the_whole_answer(
    choice: AgentChoice, tmp_path: Path
) -> None:
    hub: Any = played([Scene([Agent()]), Scene([Agent()])], tmp_path)
    assert choice.query is None
    assert looking._told_by(hub, choice, 1).views == []  # and it was not refused
    assert looking._all_told_by(hub, choice).views == []


def test_a_label_longer_than_a_hub_takes_finds_who_has_it(tmp_path: Path) -> None:
    long = "w" * 170
    hub: Any = played([Scene([Agent(label=long), Agent(label="web")])], tmp_path)
    for choice in (AgentChoice(labels=(("group", long),)), AgentChoice(groups=(long,))):
        assert [view.agent for view in looking._told_by(hub, choice, 1).views] == ["0-0"]


@pytest.mark.parametrize(
    "choice",
    [
        AgentChoice(groups=("ü" * MOST_LETTERS["member"],)),
        AgentChoice(labels=(("k", "ü" * (MOST_LETTERS["label"] - 2)),)),
        AgentChoice(sites=("s" * MOST_LETTERS["site"],)),
    ],
    ids=["group", "label", "site"],
)
def test_the_longest_words_that_are_sent_are_taken(choice: AgentChoice, tmp_path: Path) -> None:
    hub: Any = played([Scene([Agent()]), Scene([Agent()])], tmp_path)
    assert choice.query
    assert hub.get(f"/v1/agents?{choice.query}")["agents"] == []


def test_who_is_enrolled_between_two_questions_is_told_to_be_new() -> None:
    class Grows:
        def get(self, path: str) -> Any:
            if path.startswith("/v1/names"):
                return {"names": ["ada"], "total": 1, "listed": True}
            numbers = {"states": {}, "words": [], "problems": 0, "loud": 0, "loudest": []}
            return {"agents": [], "problems": [], "hub": [], "found": numbers, "next": None}

        def reading(self) -> Any:
            return contextlib.nullcontext()

    hub: Any = Grows()
    with pytest.raises(ConfigError, match="nothing was known of ada a moment ago: it is new"):
        looking._told_by(hub, AgentChoice(("ada",)), MOST)
