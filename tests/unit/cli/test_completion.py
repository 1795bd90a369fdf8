"""What a shell is told: commands, words, and names of agents; never an error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from fleet.cli.agent_names import known_names
from fleet.cli.main import fleet as root
from fleet.provisioning.registry import Enrolled, Registry


def completed(home: Path, *words: str) -> list[str]:
    """What bash is offered for the last of `words`."""
    asked = {
        "COMP_WORDS": " ".join(("fleet", *words)), "COMP_CWORD": str(len(words)),
        "_FLEET_COMPLETE": "bash_complete", "FLEET_HOME": str(home),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "fleet"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("alpha", "albert", "beta"):
        Registry(tmp_path).save(Enrolled(name))
    return tmp_path


def test_commands_words_and_names_are_completed(home: Path) -> None:
    assert completed(home, "sta") == ["status"]
    assert completed(home, "status", "--state", "o") == ["ok", "offline"]
    assert completed(home, "status", "al") == ["albert", "alpha"]


def parameters(command: click.Command) -> Iterator[click.Parameter]:
    yield from command.params
    if isinstance(command, click.Group):
        for word in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), word)
            assert found is not None
            yield from parameters(found)


def test_wherever_a_command_takes_names_of_agents_they_are_completed(home: Path) -> None:
    taking = [one for one in parameters(root) if one.name in ("agent", "agents", "choice")]
    assert len(taking) > 12
    context = click.Context(root)
    context.params["home"] = str(home)
    for one in taking:
        offered = one.shell_complete(context, "be")
        assert [item.value for item in offered] == ["beta"], one


def test_where_nothing_can_be_read_nothing_is_offered(tmp_path: Path) -> None:
    assert known_names(str(tmp_path)) == []
    (tmp_path / "fleet.toml").write_text("brokr = 1\n")
    assert known_names(str(tmp_path)) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_asks_fleet(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "completion", shell],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"_FLEET_COMPLETE={shell}_complete" in done.stdout
    assert "to keep it: fleet completion" in done.stderr
