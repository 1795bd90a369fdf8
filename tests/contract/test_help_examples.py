"""Each command's help ends with calls that are right."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from fleet.cli.examples import EXAMPLES
from fleet.cli.main import fleet


def commands(group: click.Group, *words: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield " ".join((*words, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)


def test_every_command_has_examples_and_no_example_is_of_nothing() -> None:
    assert {name for name, _ in commands(fleet)} == set(EXAMPLES)


def test_the_help_ends_with_them() -> None:
    found = dict(commands(fleet))
    for name, examples in EXAMPLES.items():
        shown = found[name].get_help(click.Context(found[name], info_name=name))
        for example in examples:
            assert f"    {example}" in shown.splitlines()[-4:], name


@pytest.mark.parametrize("call", [call for calls in EXAMPLES.values() for call in calls])
def test_an_example_parses(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("compose.yaml", "week.jsonl", "fleet.db"):
        (tmp_path / file).touch()  # click opens or looks for the file while it parses
    (tmp_path / "adr").mkdir()
    _, _, ours = call.rpartition(" | ")
    words = shlex.split(ours.partition(" > ")[0])[1:]
    command: click.Command = fleet
    while (
        isinstance(command, click.Group)
        and words
        and words[0] in command.list_commands(click.Context(command))
    ):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None
        command = found
    with command.make_context("fleet", words):
        pass
