"""Which agents `fleet status` is about, and the words for somebody who asked for none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from fleet.cli.agent_choice import AgentChoice, with_agents
from fleet.cli.check import UNKNOWN
from fleet.cli.main import run
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind
from fleet.domain.agent_record import AgentRecord
from fleet.domain.agent_view import AgentView, view_from
from fleet.domain.enrolment import Enrolment
from fleet.domain.record_view import view_of
from fleet.domain.verdict import Verdict


def view(name: str, state: Verdict, enrolment: Enrolment) -> AgentView:
    return view_of(
        AgentRecord(name), state, frozenset(), now=0.0, interval=600, enrolled=True,
        enrolment=enrolment, skew=None,
    )  # fmt: skip


VIEWS = [
    view("ada", Verdict.LATE, Enrolment({"site": "berlin"}, Kind.NANOBOT, ("web", "night"))),
    view("bob", Verdict.OK, Enrolment({"site": "rome"}, Kind.NANOBOT, ("web",))),
    view("cleo", Verdict.STALE, Enrolment({"site": "berlin"}, Kind.HERMES)),
]


def chosen(*words: str) -> str:
    told: list[str] = []

    @click.command()
    @with_agents
    def command(choice: AgentChoice) -> None:
        told.extend(view.agent for view in choice.of(VIEWS))

    result = CliRunner().invoke(command, [*words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return " ".join(told)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", "ada bob cleo"),
        ("cleo ada", "ada cleo"),
        ("--group web", "ada bob"),
        ("--group night", "ada"),
        ("--group night --group web", "ada bob"),
        ("--label site=berlin", "ada cleo"),
        ("--label site=berlin --group web", "ada"),
        ("--kind hermes", "cleo"),
        ("--state late --state stale", "ada cleo"),
        ("bob --state late", ""),
        ("--group wbe", ""),
    ],
)
def test_of_a_field_any_is_enough_and_all_fields_must_hold(words: str, names: str) -> None:
    assert chosen(*words.split()) == names


def test_a_name_that_nobody_has_is_told_with_the_one_like_it() -> None:
    with pytest.raises(ConfigError, match=r"nobody has heard of clio: cleo\?"):
        chosen("clio")


def test_what_is_no_name_or_no_label_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not an agent name"):
        chosen("A B")
    with pytest.raises(click.UsageError, match="KEY=VALUE"):
        chosen("--label", "berlin")


def test_it_says_in_words_what_was_asked_for() -> None:
    choice = AgentChoice(("ada",), ("web", "night"), (("site", "rome"),), (), ("late",))
    assert str(choice) == "ada, group web or night, label site=rome, state late"


def test_groups_go_over_http_and_a_hub_of_an_earlier_release_tells_the_first() -> None:
    item: dict[str, Any] = VIEWS[0].as_dict()
    assert view_from(item).groups == ("web", "night")
    del item["groups"]
    old = replace(view_from(item), labels={"group": "web"})
    assert AgentChoice(groups=("web",)).of([old]) == [old]


@pytest.mark.parametrize("name", ["\udcff", "A B", "a" * 300], ids=["bytes", "blank", "long"])
def test_a_check_of_what_is_no_name_is_unknown_and_says_why(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--home", str(tmp_path), "ada", name]) == UNKNOWN
    line = capsys.readouterr().out
    told = f"FLEET UNKNOWN - {name!r} is not an agent name Try: fleet status lists them\n"
    assert line == told
